//! v1 and v2c: what each request is answered with, as net-snmp understands it.

use mocks::snmp::{AgentOptions, Stats};

use crate::netsnmp::{agent, run};

const SYSTEM: &str = "\
1.3.6.1.2.1.1.3.0|67|12345
1.3.6.1.2.1.1.1.0|4|rack pdu
1.3.6.1.2.1.2.2.1.10.1|65|4294967295
1.3.6.1.2.1.2.2.1.10.2|65|0
1.3.6.1.2.1.2.2.1.11.1|2|-5
1.3.6.1.2.1.2.2.1.11.2|2|-6
1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615
1.3.6.1.2.1.31.1.1.1.7.1|66|4294967295
";

#[tokio::test(flavor = "multi_thread")]
async fn get_and_its_exceptions() {
    let agent = agent(SYSTEM, AgentOptions::default());
    let names = [".1.3.6.1.2.1.1.1.0", ".1.3.6.1.2.1.1.1.1", ".1.3.6.1.2.1.99.1.0"];
    let rows = run("snmpget", "-v2c -c any", agent.local_addr(), &names).await.good();
    let expected = [
        ".1.3.6.1.2.1.1.1.0 = Hex-STRING: 72 61 63 6B 20 70 64 75",
        ".1.3.6.1.2.1.1.1.1 = No Such Instance currently exists at this OID",
        ".1.3.6.1.2.1.99.1.0 = No Such Object available on this agent at this OID",
    ];
    assert_eq!(rows, expected);
    assert_eq!(agent.stats(), Stats { get: 1, ..Stats::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_has_errors_and_no_counter64() {
    let agent = agent(SYSTEM, AgentOptions::default());
    let missing = run("snmpget", "-v1 -c any", agent.local_addr(), &[".1.3.6.1.2.1.1.1.1"]).await.bad();
    assert!(missing.contains("noSuchName"), "{missing}");
    let wide = run("snmpget", "-v1 -c any", agent.local_addr(), &[".1.3.6.1.2.1.31.1.1.1.6.1"]).await.bad();
    assert!(wide.contains("noSuchName"), "{wide}");
    let rows = run("snmpwalk", "-v1 -c any", agent.local_addr(), &[".1.3.6.1.2.1.31"]).await.good();
    assert_eq!(rows, [".1.3.6.1.2.1.31.1.1.1.7.1 = Gauge32: 4294967295", "End of MIB"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_by_getnext_and_by_getbulk_agree() {
    let agent = agent(SYSTEM, AgentOptions::default());
    let by_next = run("snmpwalk", "-v2c -c any", agent.local_addr(), &[".1.3.6.1.2.1"]).await.good();
    let by_bulk = run("snmpbulkwalk", "-v2c -c any", agent.local_addr(), &[".1.3.6.1.2.1"]).await.good();
    assert_eq!(by_next, by_bulk);
    let expected = [
        ".1.3.6.1.2.1.1.1.0 = Hex-STRING: 72 61 63 6B 20 70 64 75",
        ".1.3.6.1.2.1.1.3.0 = 12345",
        ".1.3.6.1.2.1.2.2.1.10.1 = Counter32: 4294967295",
        ".1.3.6.1.2.1.2.2.1.10.2 = Counter32: 0",
        ".1.3.6.1.2.1.2.2.1.11.1 = INTEGER: -5",
        ".1.3.6.1.2.1.2.2.1.11.2 = INTEGER: -6",
        ".1.3.6.1.2.1.31.1.1.1.6.1 = Counter64: 18446744073709551615",
        ".1.3.6.1.2.1.31.1.1.1.7.1 = Gauge32: 4294967295",
    ];
    assert_eq!(by_bulk[..expected.len()], expected);
}

/// RFC 3416 section 4.2.3: one non-repeater, then two repeaters row by row, `endOfMibView` behind the end.
#[tokio::test(flavor = "multi_thread")]
async fn getbulk_in_turn() {
    let agent = agent(SYSTEM, AgentOptions::default());
    let names = [".1.3.6.1.2.1.1.1", ".1.3.6.1.2.1.2.2.1.10", ".1.3.6.1.2.1.31.1.1.1.6.1"];
    let rows = run("snmpbulkget", "-v2c -c any -Cn1 -Cr2", agent.local_addr(), &names).await.good();
    let expected = [
        ".1.3.6.1.2.1.1.1.0 = Hex-STRING: 72 61 63 6B 20 70 64 75",
        ".1.3.6.1.2.1.2.2.1.10.1 = Counter32: 4294967295",
        ".1.3.6.1.2.1.31.1.1.1.7.1 = Gauge32: 4294967295",
        ".1.3.6.1.2.1.2.2.1.10.2 = Counter32: 0",
        ".1.3.6.1.2.1.31.1.1.1.7.1 = No more variables left in this MIB View (It is past the end of the MIB tree)",
    ];
    assert_eq!(rows, expected);
}

/// A GETBULK is cut to the response's size, a GET that does not fit is `tooBig`.
#[tokio::test(flavor = "multi_thread")]
async fn responses_keep_to_their_size() {
    let text: String =
        (1..=50).map(|row| format!("1.3.6.1.2.1.1.9.1.3.{row}|4|{}\n", "x".repeat(100))).collect();
    let agent = agent(&text, AgentOptions { max_response: 500, ..AgentOptions::default() });
    let bulk = "-v2c -c any -Cn0 -Cr50";
    let rows = run("snmpbulkget", bulk, agent.local_addr(), &[".1.3.6.1.2.1.1.9"]).await.good();
    assert_eq!(rows.len(), 3);
    let walked = run("snmpbulkwalk", "-v2c -c any", agent.local_addr(), &[".1.3.6.1.2.1.1.9"]).await.good();
    assert_eq!(walked.iter().filter(|row| row.contains("Hex-STRING: 78 78")).count(), 50);
    let names: Vec<String> = (1..=5).map(|row| format!(".1.3.6.1.2.1.1.9.1.3.{row}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let failed = run("snmpget", "-v2c -c any", agent.local_addr(), &names).await.bad();
    assert!(failed.contains("tooBig"), "{failed}");
    assert_eq!(run("snmpget", "-v2c -c any", agent.local_addr(), &names[..3]).await.good().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn communities_and_sets() {
    let communities = Some(vec!["secret".to_owned()]);
    let agent = agent(SYSTEM, AgentOptions { communities, ..AgentOptions::default() });
    let name = [".1.3.6.1.2.1.1.3.0"];
    assert_eq!(run("snmpget", "-v2c -c secret", agent.local_addr(), &name).await.good().len(), 1);
    let refused = run("snmpget", "-v2c -c public -t 0.2 -r 0", agent.local_addr(), &name).await.bad();
    assert!(refused.contains("Timeout"), "{refused}");
    assert_eq!(agent.stats().wrong_community, 1);
    let set =
        run("snmpset", "-v2c -c secret", agent.local_addr(), &[".1.3.6.1.2.1.1.1.0", "s", "new"]).await.bad();
    assert!(set.contains("notWritable"), "{set}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_live() {
    let text = format!("{SYSTEM}#live 1.3.6.1.2.1.1.1 suffix\n");
    let agent = agent(&text, AgentOptions { seed: 7, ..AgentOptions::default() });
    let rows = run("snmpget", "-v2c -c any", agent.local_addr(), &[".1.3.6.1.2.1.1.1.0"]).await.good();
    assert_eq!(rows, [".1.3.6.1.2.1.1.1.0 = Hex-STRING: 72 61 63 6B 20 70 64 75 2D 37"]);
}
