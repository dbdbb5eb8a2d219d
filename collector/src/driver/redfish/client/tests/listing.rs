//! Collections: pages, members that are none, and `$expand` that has to prove itself.

use super::*;

const EXPANDED: &str = "/redfish/v1/Chassis?$expand=.($levels=1)";

fn expanding(expanded: &[Value]) -> BTreeMap<String, Value> {
    let mut tree = tree();
    let features = json!({"ExpandQuery": {"NoLinks": true, "Levels": true}});
    tree.get_mut(ROOT).unwrap()["ProtocolFeaturesSupported"] = features;
    tree.insert(EXPANDED.into(), json!({"@odata.id": "/redfish/v1/Chassis", "Members": expanded}));
    tree
}

async fn serve(tree: BTreeMap<String, Value>) -> (Server, Client) {
    let server = Server::start(move |seen| open(&tree, seen)).await;
    let client = client(&Target { credentials: None, ..server.target() }).await;
    (server, client)
}

/// Ids of the members in order; of those that failed, the reason.
async fn ids(client: &mut Client) -> Vec<String> {
    let members = client.members("/redfish/v1/Chassis").await.unwrap();
    let name = |member: Result<Arc<Value>, SourceError>| match member {
        Ok(document) => document["Id"].as_str().unwrap().to_owned(),
        Err(error) => error.reason.as_str().to_owned(),
    };
    members.into_iter().map(name).collect()
}

#[tokio::test]
async fn expansion_is_used_once_it_proved_right() {
    let (server, mut client) = serve(expanding(&[chassis("1"), chassis("2")])).await;
    assert_eq!(ids(&mut client).await, ["1", "2"]);
    let proof = [
        "GET /redfish/v1/",
        "GET /redfish/v1/Chassis",
        "GET /redfish/v1/Chassis?$expand=.($levels=1)",
        "GET /redfish/v1/Chassis/1",
    ];
    assert_eq!(server.taken(), proof);
    begin(&mut client, 1).await;
    assert_eq!(ids(&mut client).await, ["1", "2"]);
    assert_eq!(server.taken(), ["GET /redfish/v1/", "GET /redfish/v1/Chassis?$expand=.($levels=1)"]);
}

#[tokio::test]
async fn expansion_that_is_wrong_in_any_way_is_never_used_again() {
    let lacking =
        |id: &str| json!({"@odata.id": format!("/redfish/v1/Chassis/{id}"), "Id": id, "Name": "Chassis"});
    let link = |id: &str| json!({"@odata.id": format!("/redfish/v1/Chassis/{id}")});
    for (name, expanded) in [
        ("a member too few", vec![chassis("1")]),
        ("none", vec![]),
        ("other order", vec![chassis("2"), chassis("1")]),
        ("fields are missing", vec![lacking("1"), lacking("2")]),
        ("not expanded", vec![link("1"), link("2")]),
        ("one is not expanded", vec![chassis("1"), link("2")]),
        ("a null", vec![chassis("1"), Value::Null]),
    ] {
        let (server, mut client) = serve(expanding(&expanded)).await;
        for poll in 0..3 {
            begin(&mut client, poll).await;
            assert_eq!(ids(&mut client).await, ["1", "2"], "{name}");
        }
        assert_eq!(server.count(&format!("GET {EXPANDED}")), 1, "{name}");
    }
}

#[tokio::test]
async fn expansion_that_fails_is_never_used_again() {
    for body in ["{\"error\":{}}{\"Members\":[]}", "<html>", "", "{}"] {
        let tree = expanding(&[]);
        let server = Server::start(move |seen| match seen.path.as_str() {
            EXPANDED => (StatusCode::OK, body).into_response(),
            _ => open(&tree, seen),
        })
        .await;
        let mut client = client(&Target { credentials: None, ..server.target() }).await;
        assert_eq!(ids(&mut client).await, ["1", "2"]);
        assert_eq!(ids(&mut client).await, ["1", "2"]);
        assert_eq!(server.count(&format!("GET {EXPANDED}")), 1);
    }
}

#[tokio::test]
async fn a_vendor_s_quirks_are_kept_to() {
    let mut tree = expanding(&[chassis("1"), chassis("2")]);
    tree.get_mut(ROOT).unwrap()["Vendor"] = json!("AMI");
    let (server, mut client) = serve(tree).await;
    assert_eq!(ids(&mut client).await, ["1", "2"]);
    assert_eq!(server.count(&format!("GET {EXPANDED}")), 0);

    let mut tree = self::tree();
    tree.get_mut(ROOT).unwrap()["Vendor"] = json!("Dell");
    tree.get_mut(ROOT).unwrap()["Managers"] = json!({"@odata.id": "/redfish/v1/Managers"});
    let manager = "/redfish/v1/Managers/iDRAC.Embedded.1";
    tree.insert("/redfish/v1/Managers".into(), json!({"Members": [{"@odata.id": manager}]}));
    tree.insert(manager.into(), json!({"Model": "14G Monolithic", "FirmwareVersion": "6.10.30.00"}));
    let enclosure = json!({"@odata.id": "/redfish/v1/Chassis/Enclosure.Internal.0-1:RAID.Slot.6-1"});
    tree.get_mut("/redfish/v1/Chassis").unwrap()["Members"].as_array_mut().unwrap().insert(0, enclosure);
    let (server, mut client) = serve(tree).await;
    for poll in 0..2 {
        begin(&mut client, poll).await;
        assert_eq!(ids(&mut client).await, ["1", "2"]);
    }
    assert!(server.taken().iter().all(|line| !line.contains("RAID")));
}

#[tokio::test]
async fn bad_members_cost_only_themselves() {
    let mut tree = tree();
    tree.get_mut("/redfish/v1/Chassis").unwrap()["Members"] = json!([
        null, {"@odata.id": "/redfish/v1/Chassis/1"}, {"Name": "no link"}, {"@odata.id": 7},
        {"@odata.id": "/redfish/v1/Chassis/gone"}, "/redfish/v1/Chassis/2",
        {"@odata.id": "http://127.0.0.2:1/redfish/v1/Chassis/1"}, {"@odata.id": "/redfish/v1/Chassis/1"},
        {"@odata.id": "/redfish/v1/Parts#/Fans/1"}, {"@odata.id": "/redfish/v1/Parts#/Fans/9"},
    ]);
    tree.insert("/redfish/v1/Parts".into(), json!({"Fans": [{"Id": "f0"}, {"Id": "f1"}]}));
    let (_server, mut client) = serve(tree).await;
    assert_eq!(
        ids(&mut client).await,
        ["parse", "1", "parse", "parse", "missing", "2", "protocol", "f1", "missing"]
    );
}

#[tokio::test]
async fn a_collection_without_members_is_empty() {
    for members in [Value::Null, json!([]), json!("none")] {
        let mut tree = tree();
        tree.get_mut("/redfish/v1/Chassis").unwrap()["Members"] = members;
        let (_server, mut client) = serve(tree).await;
        assert!(ids(&mut client).await.is_empty());
    }
    let (_server, mut client) = serve(tree()).await;
    assert_eq!(reason(client.members("/redfish/v1/None").await), (Reason::Missing, Some(404)));
}

fn paged(links: [(&str, Value); 2]) -> BTreeMap<String, Value> {
    let mut tree = tree();
    let page = |id: &str, link: &(&str, Value)| {
        let mut page = json!({"Members": [{"@odata.id": format!("/redfish/v1/Chassis/{id}")}]});
        page[link.0] = link.1.clone();
        page
    };
    tree.insert("/redfish/v1/Chassis".into(), page("1", &links[0]));
    tree.insert("/redfish/v1/Chassis?$skip=1".into(), page("2", &links[1]));
    tree
}

#[tokio::test]
async fn pages_are_followed_under_every_name_and_never_in_a_circle() {
    let next = "/redfish/v1/Chassis?$skip=1";
    let end = || ("x", Value::Null);
    for (links, expected) in [
        ([("Members@odata.nextLink", json!(next)), end()], &["1", "2"][..]),
        ([("@odata.nextLink", json!(next)), end()], &["1", "2"]),
        ([("nextLink", json!({"@odata.id": next})), end()], &["1", "2"]),
        ([("Members@odata.nextLink", json!("?$skip=1")), end()], &["1", "2"]),
        ([("Members@odata.nextLink", json!("")), end()], &["1"]),
        ([("Members@odata.nextLink", json!("/redfish/v1/Lost")), end()], &["1", "missing"]),
        ([("nextLink", json!("/redfish/v1/Chassis")), end()], &["1", "protocol"]),
        ([("nextLink", json!(next)), ("nextLink", json!("/redfish/v1/Chassis"))], &["1", "2", "protocol"]),
        ([("nextLink", json!(next)), ("nextLink", json!(next))], &["1", "2", "protocol"]),
    ] {
        let (_server, mut client) = serve(paged(links.clone())).await;
        assert_eq!(ids(&mut client).await, expected, "{links:?}");
    }
}

#[tokio::test]
async fn pages_without_an_end_are_cut_off() {
    let server = Server::start(|seen| match seen.path.split_once("?n=") {
        Some((_, n)) => {
            let next = format!("?n={}", n.parse::<u32>().unwrap() + 1);
            answer(200, &json!({"Members": [], "nextLink": next}))
        }
        None if seen.path == "/redfish/v1/Chassis" => answer(200, &json!({"nextLink": "?n=1"})),
        None => open(&tree(), seen),
    })
    .await;
    let mut client = client(&Target { credentials: None, ..server.target() }).await;
    assert_eq!(ids(&mut client).await, ["limit"]);
    assert!(server.taken().len() < 210);
}
