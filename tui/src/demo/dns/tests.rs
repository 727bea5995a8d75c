use super::*;

#[test]
fn a_query_is_answered_with_the_address_of_its_kind() {
    for (kind, address) in [(TYPE::A, cast::WEB[0]), (TYPE::AAAA, cast::WEB[1])] {
        let reply = reply(&query(0xbeef, "www.demo.test", kind).unwrap()).unwrap();
        let reply = Packet::parse(&reply).unwrap();
        assert_eq!(reply.id(), 0xbeef);
        assert!(reply.has_flags(PacketFlag::RESPONSE));
        assert_eq!(reply.rcode(), RCODE::NoError);
        assert_eq!(reply.questions.len(), 1);
        let found: Vec<IpAddr> = reply
            .answers
            .iter()
            .map(|answer| match &answer.rdata {
                RData::A(a) => IpAddr::V4(a.address.into()),
                RData::AAAA(aaaa) => IpAddr::V6(aaaa.address.into()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found, [address]);
    }
}

#[test]
fn an_unknown_name_does_not_exist() {
    let reply = reply(&query(1, UNKNOWN, TYPE::A).unwrap()).unwrap();
    let reply = Packet::parse(&reply).unwrap();
    assert_eq!(reply.rcode(), RCODE::NameError);
    assert!(reply.answers.is_empty());
}

#[test]
fn the_broken_name_fails() {
    let reply = reply(&query(1, BROKEN, TYPE::A).unwrap()).unwrap();
    assert_eq!(Packet::parse(&reply).unwrap().rcode(), RCODE::ServerFailure);
}

#[test]
fn what_is_no_message_is_refused() {
    assert!(reply(b"GET / HTTP/1.1\r\n").is_err());
}

#[test]
fn every_message_fits_without_edns() {
    for (name, _) in ZONE {
        let reply = reply(&query(1, name, TYPE::AAAA).unwrap()).unwrap();
        assert!(reply.len() <= MESSAGE_MAX, "{name}");
    }
}
