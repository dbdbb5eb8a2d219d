//! The status page: what it shows, and that nothing of a device's becomes markup.

use collector::status::TargetState;
use model::{PollError, Reason};

use crate::server::{Server, client, start, start_with, target};

async fn page(server: &Server, query: &str) -> String {
    let answer = client().get(server.url(&format!("/{query}"))).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    answer.text().await.unwrap()
}

async fn mixed() -> Server {
    let error = |reason, text: &str| Some(PollError::new(reason, text));
    let targets = vec![
        target("pdu-up", TargetState::Up, None),
        target("pdu-down", TargetState::Down, error(Reason::Timeout, "no answer within 5 s")),
        target("bmc-locked", TargetState::LoginRefused, error(Reason::Auth, "the password was refused")),
        target("bmc-new", TargetState::NeverPolled, None),
    ];
    start_with(targets, None).await
}

fn position(page: &str, text: &str) -> usize {
    page.find(text).unwrap_or_else(|| panic!("{text} is not in\n{page}"))
}

#[tokio::test]
async fn the_page_lists_the_worst_first_and_says_why() {
    let page = page(&mixed().await, "").await;
    assert!(page.contains("2 targets need attention"), "{page}");
    assert!(page.contains("no answer within 5 s") && page.contains("10.0.0.7<wbr>:161"), "{page}");
    assert!(page.contains("30 s ago") && page.contains("in 30 s") && page.contains("never"), "{page}");
    let order =
        ["bmc-locked</a>", "bmc-new</a>", "pdu-down</a>", "pdu-up</a>"].map(|name| position(&page, name));
    assert!(order[2] < order[0] && order[0] < order[1] && order[1] < order[3], "{order:?}");
}

#[tokio::test]
async fn the_page_can_be_searched_and_filtered_without_script() {
    let server = mixed().await;
    for (query, names) in [
        ("?q=PDU-", vec!["pdu-down", "pdu-up"]),
        ("?q=password+refused", vec!["bmc-locked"]),
        ("?state=never-polled", vec!["bmc-new"]),
        ("?q=pdu-&state=up", vec!["pdu-up"]),
        ("?state=nonsense&q=", vec!["pdu-down", "bmc-locked", "bmc-new", "pdu-up"]),
        ("?q=nothing-like-it", vec![]),
    ] {
        let page = page(&server, query).await;
        let found: Vec<_> = ["pdu-down", "bmc-locked", "bmc-new", "pdu-up"]
            .into_iter()
            .filter(|name| page.contains(&format!("{name}</a>")))
            .collect();
        assert_eq!(found, names, "{query}");
        assert_eq!(page.contains("<p class=\"note none\">Nothing matches."), names.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn hostile_text_stays_text() {
    const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>";
    let error = Some(PollError::new(Reason::Protocol, HOSTILE));
    let server = start_with(vec![target(HOSTILE, TargetState::Down, error)], None).await;
    let query = format!("?q={}", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    for query in ["", &query] {
        let page = page(&server, query).await;
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        assert!(!page.to_lowercase().contains("<script>alert"), "{page}");
        assert!(!page.contains("<img"), "{page}");
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
    }
}

#[tokio::test]
async fn the_page_allows_its_own_style_and_script_only() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let server = start().await;
    let answer = client().get(server.url("/")).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let page = answer.text().await.unwrap();
    for tag in ["style", "script"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let text = page.split_once(&open).unwrap().1.split_once(&close).unwrap().0;
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("{tag}-src 'sha256-{digest}'")), "{policy}");
    }
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for inline in [" style=", " onclick=", " onload=", "http://", "https://"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn a_long_list_is_cut_and_says_so() {
    let targets =
        (0..1_050).map(|number| target(&format!("pdu-{number:04}"), TargetState::Up, None)).collect();
    let server = start_with(targets, None).await;
    let whole = page(&server, "").await;
    assert_eq!(whole.matches("<tr data-state").count(), 1_000);
    assert!(whole.contains("… and 50 targets more"));
    let found = page(&server, "?q=pdu-1049").await;
    assert_eq!(found.matches("<tr data-state").count(), 1);
}
