//! Wrong passwords: attempts stop by themselves, long before the account is locked, and a restart of the
//! program does not begin anew.

use std::sync::Arc;

use mocks::redfish::{Account, Options, Server, Tree};

use serde_json::Value;

use super::support::{Folder, PASSWORD, Program, USER, http, redfish_target, wait_for};

/// Wrong passwords in a row that lock the account.
const LOCKOUT: u32 = 5;

fn bmc() -> Server {
    let account = Some(Account { user: USER.into(), password: PASSWORD.into() });
    let options = Options { account, lockout: Some(LOCKOUT), ..Options::default() };
    Server::start(Arc::new(Tree::server().unwrap()), options).unwrap()
}

fn poll_time(target: &Value) -> Option<f64> {
    target["last_poll_timestamp_seconds"].as_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_never_locks_the_account() {
    let server = bmc();
    let right = format!("targets:\n{}", redfish_target("bmc", server.address()));
    let wrong = right.replace("credentials: redfish", "credentials: redfish-wrong");
    let folder = Folder::new(&wrong);

    let mut refused = 0;
    for start in 0..3 {
        let program = Program::run(&folder).await;
        let target = program.until("bmc", "login-refused").await;
        assert_eq!(target["last_error"]["reason"], "auth", "{target:#}");
        let reload = http(program.address, "POST", "/-/reload", &[]).await;
        assert_eq!(reload.status, 200, "{reload:?}");
        // Some more polls, of which none may try.
        let mut seen = target;
        for _ in 0..3 {
            let later = |now: &Value| poll_time(now) > poll_time(&seen);
            seen = program.until_that("bmc", "another poll", later).await;
        }
        let stats = server.stats();
        assert!(!stats.locked, "locked in run {start}");
        assert!((1..u64::from(LOCKOUT)).contains(&stats.logins_failed), "{}", stats.logins_failed);
        if start > 0 {
            assert_eq!(stats.logins_failed, refused, "a restart is no reason to try again");
        }
        refused = stats.logins_failed;
        assert_eq!(program.terminate().await.code, Some(0));
    }

    // Who corrects the password need not wait.
    folder.configure(&right);
    let program = Program::run(&folder).await;
    program.until("bmc", "up").await;
    assert_eq!(program.terminate().await.code, Some(0));
    wait_for("the session to be deleted", async || (server.stats().sessions_open == 0).then_some(())).await;
}
