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

#[test]
fn routes_through_a_router_lead_outward_and_those_to_a_pod_do_not() {
    let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        lxc1\t0200000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n\
        eth0\t0002090A\tFE01090A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
        eth0\t0001090A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
        tun0\t00000000\t00000000\t0001\t0\t0\t9\t00000000\t0\t0\t0\n";
    let outward: Vec<String> = outward_ipv4(table).collect();
    assert_eq!(outward, ["eth0", "tun0"]);
    let ipv6 = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
                fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth1\n\
                fe800000000000000000000000000000 40 00000000000000000000000000000000 00 \
                00000000000000000000000000000000 00000100 00000001 00000000 00000001 lxc1\n";
    let outward: Vec<String> = outward_ipv6(ipv6).collect();
    assert_eq!(outward, ["eth1"]);
}
