use super::*;

#[test]
fn pairs_of_lines_have_names_and_values() {
    let text = "Ip: Forwarding InAddrErrors OutNoRoutes\nIp: 1 7 8\n\
                Tcp: MaxConn RetransSegs\nTcp: -1 12\n\
                TcpExt: ListenDrops Unheard ListenOverflows\nTcpExt: 3 4 2\nIpExt: cut";
    let mut counters = StackCounters::default();
    add_pairs(text, &mut counters);
    let expected = StackCounters {
        ip_in_addr_errors: 7,
        ip_out_no_routes: 8,
        tcp_retransmitted_segments: 12,
        tcp_listen_drops: 3,
        tcp_listen_overflows: 2,
        ..StackCounters::default()
    };
    assert_eq!(counters, expected);
}

#[test]
fn lines_of_ipv6_have_the_table_before_the_name() {
    let text = "Ip6OutNoRoutes                  \t5\nUdp6RcvbufErrors  6\nIcmp6InMsgs 7\ncut";
    let mut counters = StackCounters::default();
    add_lines(text, &mut counters);
    let expected = StackCounters {
        ip6_out_no_routes: 5,
        udp6_receive_buffer_errors: 6,
        ..StackCounters::default()
    };
    assert_eq!(counters, expected);
}

#[test]
fn every_counter_that_this_kernel_has_is_read() {
    // A misspelt name would never be found.
    let text: String = ["snmp", "netstat"]
        .map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap())
        .concat();
    for (table, name, _) in StackCounters::default().named() {
        if table.ends_with('6') {
            continue;
        }
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(&format!("{table}: ")));
        let names = line.unwrap_or_else(|| panic!("no {table}"));
        let mut names = names.split_ascii_whitespace();
        // This one is younger than the oldest kernels.
        let is_there = names.any(|it| it == name) || name == "TCPRcvQDrop";
        assert!(is_there, "{table} {name}");
    }
}

#[test]
fn a_cpu_that_drops_is_told() {
    let now = "0000000b 00000003 00000001 0 0 0 0 0 0 0 0 00000000 00000002";
    let now = softnet_of(0, now).unwrap();
    assert_eq!((now.cpu, now.processed, now.dropped), (2, 11, 3));
    let before = Softnet {
        dropped: 1,
        squeezed: 1,
        processed: 1,
        cpu: 2,
    };
    let idle = Softnet { cpu: 7, ..before };
    let since = softnet_since(&[now, idle], &[before, idle]);
    let expected = Softnet {
        cpu: 2,
        processed: 10,
        dropped: 2,
        squeezed: 0,
    };
    let beside = Softnet {
        cpu: 7,
        ..Softnet::default()
    };
    assert_eq!(since, [expected, beside]);
    assert_eq!(softnet_since(&[idle], &[idle]), []);
    assert_eq!(softnet_of(4, "0 0 0").unwrap().cpu, 4, "before 5.10");
}

#[test]
fn counters_of_queues_are_since_the_last_reading() {
    let qdisc = |drops, packets| Qdisc {
        device: 2,
        kind: "netem".to_owned(),
        drops,
        packets,
        ..Qdisc::default()
    };
    let stack = |qdiscs| Stack {
        qdiscs,
        ..Stack::default()
    };
    let mut now = stack(vec![
        qdisc(7, 3),
        Qdisc {
            device: 9,
            ..qdisc(1, 1)
        },
    ]);
    // Its 32 bits have turned over.
    subtract(&mut now, &stack(vec![qdisc(5, u32::MAX.into())]));
    assert_eq!((now.qdiscs[0].drops, now.qdiscs[0].packets), (2, 4));
    assert_eq!(now.qdiscs[1].drops, 1, "it is new");
    clear(&mut now);
    assert_eq!(now.qdiscs[1].drops, 0);
}

#[test]
fn this_namespace_can_be_read() {
    let stack = read();
    assert_eq!(stack.unknown, Vec::<String>::new());
    let loopback = stack.links.iter().find(|link| link.name == "lo");
    assert_eq!(loopback.map(|link| link.index), Some(1));
}

#[test]
fn errors_of_a_network_card_are_since_the_last_reading_and_a_veth_has_none() {
    let stack = |missed| {
        let mut link = devices::Link::sample("eth0");
        link.index = 2;
        link.kind = crate::model::DeviceKind::Other("physical".to_owned());
        link.receive.missed = missed;
        Stack {
            links: vec![
                link_state(&link),
                link_state(&devices::Link::sample("veth0")),
            ],
            ..Stack::default()
        }
    };
    let missed = |stack: &Stack| stack.links[0].receive.map(|it| it.missed);
    let mut now = stack(30);
    subtract(&mut now, &stack(10));
    assert_eq!(missed(&now), Some(20));
    assert_eq!(now.links[1].receive, None);
    let mut reset = stack(3);
    subtract(&mut reset, &stack(10));
    assert_eq!(missed(&reset), Some(0));
    let mut new = stack(7);
    subtract(&mut new, &Stack::default());
    assert_eq!(missed(&new), Some(0));
}
