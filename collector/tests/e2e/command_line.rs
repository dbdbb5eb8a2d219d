//! Commands that ask no device: exit codes, and mistakes with their places.

use super::support::{Folder, lightsout, run};

/// Six mistakes, of which none hides another.
const MISTAKES: &str = "\
targets:
  - {name: a, address: 192.0.2.1, protocol: snmp, credentials: snmp, intervall: 5s}
  - {name: a, address: 192.0.2.2, protocol: snmp, credentials: snmp}
  - {name: b, address: 192.0.2.3, protocol: telnet, credentials: snmp}
  - {name: c, address: 192.0.2.4, protocol: snmp, credentials: nobody}
  - {name: d, address: 192.0.2.5, protocol: snmp, credentials: snmp, interval: 5 parsecs}
target_files: [{files: [targets.txt]}]
";

#[tokio::test]
async fn every_mistake_of_a_configuration_is_told_at_once_with_its_place() {
    let folder = Folder::new(MISTAKES);
    let text = std::fs::read_to_string(folder.config()).unwrap();
    let place = |needle: &str| {
        let (number, line) = (1..).zip(text.lines()).find(|(_, line)| line.contains(needle)).unwrap();
        format!("{}:{number}:{}: ", folder.config(), line.find(needle).unwrap() + 1)
    };
    for command in ["check", "run"] {
        let ended = run([command, "--config", &folder.config()]).await;
        ended.assert_clean();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        for (needle, words) in [
            ("intervall", "did you mean \"interval\"?"),
            ("a, address: 192.0.2.2", "\"a\""),
            ("telnet", "write snmp, redfish or ipmi"),
            ("nobody", "no credentials named \"nobody\""),
            ("5 parsecs", "5 parsecs"),
            ("[targets.txt]", "name files that end in .json, .yml or .yaml"),
        ] {
            let place = place(needle);
            let found = ended.stderr.lines().find(|line| line.starts_with(&place));
            let line = found.unwrap_or_else(|| panic!("nothing at {place}\n{}", ended.stderr));
            assert!(line.contains(words), "{line}");
        }
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_a_mistake() {
    let folder = Folder::new("");
    std::fs::remove_file(folder.path("community")).unwrap();
    let ended = run(["check", "--config", &folder.config()]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("credentials.snmp.community_file"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_good_configuration_is_counted() {
    let folder =
        Folder::new("targets:\n  - {name: a, address: 192.0.2.1, protocol: snmp, credentials: snmp}\n");
    let ended = run(["check", "--config", &folder.config()]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(": 1 targets (0 from files)"), "{}", ended.stdout);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let folder = Folder::new("");
    let text = std::fs::read_to_string(folder.config()).unwrap();
    folder.write("lightsout.yml", &text.replace("127.0.0.1:0", &address.to_string()));
    let ended = run(["run", "--config", &folder.config()]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&format!("cannot listen on {address}")), "{}", ended.stderr);
}

#[tokio::test]
async fn a_schema_and_completions_are_printed() {
    for of in ["config", "profile", "baseline"] {
        let ended = run(["schema", of]).await;
        let schema: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(schema["properties"].is_object() && ended.code == Some(0), "{ended:?}");
    }
    let ended = run(["completions", "bash"]).await;
    assert!(ended.code == Some(0) && ended.stdout.contains("complete -F"), "{ended:?}");
    assert_eq!(run(["no-such-command"]).await.code, Some(2));
    let help = lightsout(["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for command in ["run", "check", "probe", "record", "firmware", "schema", "completions", "demo"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in\n{help}");
    }
}
