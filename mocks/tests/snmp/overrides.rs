//! What an agent says otherwise, asked with net-snmp.

use mocks::shift::Shift;
use mocks::snmp::{AgentOptions, Override, Value};

use crate::netsnmp::{agent, run};

const RECORDING: &str = "1.3.6.1.4.1.9.1.1|2|20\n1.3.6.1.4.1.9.1.2|4|text\n1.3.6.1.4.1.9.3.1|66|7\n";

#[tokio::test(flavor = "multi_thread")]
async fn values_change_and_rows_appear_and_all_of_it_ends() {
    let agent = agent(RECORDING, AgentOptions::default());
    let walk =
        async || run("snmpbulkwalk", "-v2c -c any", agent.local_addr(), &[".1.3.6.1.4.1.9"]).await.good();
    let usual = walk().await;
    let change = |object: &str, change| (format!("1.3.6.1.4.1.9.{object}").parse().unwrap(), change);
    agent.set_overrides([
        change("1.1", Override::Moved(Shift::by(-4.0))),
        change("1.2", Override::Is(Value::OctetString(b"other".as_slice().into()))),
        change("2.1", Override::Is(Value::Integer(5))),
        change("3.1", Override::Moved(Shift::to(9.0))),
        change("3.2", Override::Is(Value::Gauge32(1))),
        change("4.1", Override::Moved(Shift::to(3.0))),
    ]);
    let expected = [
        ".1.3.6.1.4.1.9.1.1 = INTEGER: 16",
        ".1.3.6.1.4.1.9.1.2 = Hex-STRING: 6F 74 68 65 72",
        ".1.3.6.1.4.1.9.2.1 = INTEGER: 5",
        ".1.3.6.1.4.1.9.3.1 = Gauge32: 9",
        ".1.3.6.1.4.1.9.3.2 = Gauge32: 1",
    ];
    let walked = walk().await;
    assert_eq!(walked[..expected.len()], expected, "in the order of a walk, and no number without a value");
    let got = run("snmpget", "-v2c -c any", agent.local_addr(), &[".1.3.6.1.4.1.9.2.1"]).await.good();
    assert_eq!(got, [expected[2]]);
    agent.set_overrides([]);
    assert_eq!(walk().await, usual);
}
