//! Recordings of real devices, where they are at hand: each document comes out as it went in.
#![allow(clippy::print_stderr, reason = "says that it was left out")]

use super::{get, install_provider};
use mocks::redfish::{Options, Server, Tree};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn captures() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    let folder = std::env::var_os("LIGHTSOUT_CAPTURES").map_or(beside, PathBuf::from).join("redfish");
    folder.is_dir().then_some(folder)
}

#[tokio::test]
async fn every_recorded_document_is_served_byte_for_byte() {
    let Some(captures) = captures() else {
        eprintln!("left out: no recordings in ../shared/captures; set LIGHTSOUT_CAPTURES");
        return;
    };
    install_provider();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut trees, mut documents) = (0, 0);
    for folder in std::fs::read_dir(captures).unwrap() {
        let folder = folder.unwrap().path();
        let tree = Arc::new(Tree::load(&folder).unwrap());
        let server = Server::start(tree.clone(), Options::default()).unwrap();
        for path in tree.paths().filter(|path| !path.contains("/Sessions")) {
            let response = client.get(server.url() + path).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            let recorded = folder.join(path.trim_start_matches('/')).join("index.json");
            let same = response.bytes().await.unwrap() == std::fs::read(&recorded).unwrap();
            assert!(same, "{}", recorded.display());
            documents += 1;
        }
        trees += 1;
    }
    eprintln!("{trees} recorded trees, {documents} documents");
    assert!(trees > 0 && documents > 0);
}

#[tokio::test]
async fn a_page_that_was_recorded_under_its_link_is_found() {
    let page = serde_json::json!({"Members": []});
    let path = "/redfish/v1/Slots?$skip=50";
    let tree = Tree::from_documents([("/redfish/v1", serde_json::json!({})), (path, page.clone())]);
    let server = Server::start(Arc::new(tree), Options::default()).unwrap();
    for link in [path, "/redfish/v1/Slots?%24skip=50"] {
        assert_eq!(get(&server, link).await.json::<serde_json::Value>().await.unwrap(), page);
    }
}

#[test]
fn a_mock_up_is_found_from_any_of_its_folders() {
    let folder = tempfile::tempdir().unwrap();
    let chassis = folder.path().join("redfish/v1/Chassis");
    std::fs::create_dir_all(&chassis).unwrap();
    std::fs::write(folder.path().join("redfish/v1/index.json"), "{}").unwrap();
    std::fs::write(chassis.join("index.json"), "no JSON at all").unwrap();
    for below in ["", "redfish", "redfish/v1"] {
        let tree = Tree::load(&folder.path().join(below)).unwrap();
        assert_eq!(tree.paths().collect::<Vec<_>>(), ["/redfish/v1", "/redfish/v1/Chassis"], "{below}");
        assert_eq!(tree.document("/redfish/v1/Chassis").unwrap(), "no JSON at all");
    }
    std::fs::write(
        folder.path().join("live.json"),
        r#"[{"path": "*", "property": "/A", "motion": {"wobble": {}}}]"#,
    )
    .unwrap();
    let error = Tree::load(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("live.json is wrong"), "{error}");
    let error = Tree::load(&chassis.join("nowhere")).unwrap_err().to_string();
    assert!(error.contains("nowhere holds no Redfish tree"), "{error}");
    assert!(Tree::load(&chassis).is_ok(), "a folder with an index.json counts as the root");
}
