//! redfish-rs, a client that shares no code with the mock, reads the built-in tree.

use super::start;
use redfish::{Auth, Client};

#[tokio::test]
async fn redfish_rs_logs_in_and_reads() {
    let server = start(|_| {});
    let stranger = Client::builder(&server.url()).unwrap().build().unwrap();
    assert_eq!(stranger.service_root().get().await.unwrap().redfish_version, "1.19.0");
    assert!(stranger.systems().list().await.is_err(), "no login, no systems");

    let login = stranger.sessions().create("admin", "right").await.unwrap();
    assert_eq!(login.location, "/redfish/v1/SessionService/Sessions/1");
    let client = Client::builder(&server.url())
        .unwrap()
        .auth(Auth::SessionToken(login.token.clone()))
        .build()
        .unwrap();
    let systems = client.systems().list().await.unwrap();
    assert_eq!(systems.members.len(), 1);
    let system = client.systems().get("1").await.unwrap();
    assert_eq!(system.serial_number.as_deref(), Some("EX21040001"));

    let chassis = client.chassis_member("1");
    let watts = chassis.get_power().await.unwrap().power_control[0].power_consumed_watts.unwrap();
    // 412 W in the document, and a drift of 60
    assert!((352.0..=472.0).contains(&watts), "{watts}");
    let thermal = chassis.get_thermal().await.unwrap();
    assert_eq!((thermal.temperatures.len(), thermal.fans.len()), (5, 4));
    assert_eq!(chassis.list_sensors().await.unwrap().members.len(), 19);
    assert_eq!(
        chassis.get_sensor("Inlet").await.unwrap().resource.name.as_deref(),
        Some("Inlet temperature")
    );

    client.sessions().delete(&login.location).await.unwrap();
    assert!(client.systems().list().await.is_err(), "a closed session is over");
    let stats = server.stats();
    assert_eq!((stats.logins_ok, stats.logins_failed, stats.sessions_open), (1, 0, 0));
}
