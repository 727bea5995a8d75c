use super::*;

#[test]
fn the_usable_default_route_with_the_least_metric() {
    let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth1\t00000000\t0102000A\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
        wlan0\t00000000\t0102000A\t0203\t0\t0\t1\t00000000\t0\t0\t0\n\
        eth0\t00000000\t0101000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth2\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
        eth3\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n";
    assert_eq!(of_ipv4(table).as_deref(), Some("eth0"));
    assert_eq!(of_ipv4("Iface\n"), None);
}

#[test]
fn loopback_holds_the_default_route_that_refuses() {
    let zeros = "00000000000000000000000000000000";
    let line = |metric: &str, flags: &str, device: &str| {
        format!("{zeros} 00 {zeros} 00 {zeros} {metric} 00000001 00000000 {flags} {device}\n")
    };
    let refusing = line("ffffffff", "00200200", "lo");
    assert_eq!(of_ipv6(&refusing), None);
    let table =
        refusing + &line("00000400", "00000003", "eth1") + &line("00000064", "00000003", "eth0");
    assert_eq!(of_ipv6(&table).as_deref(), Some("eth0"));
}
