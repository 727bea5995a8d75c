//! The pair that nkview makes where there is none is one to try it with.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::Test;
use crate::namespace::Namespace;
use crate::need::Need;
use crate::stream::Stream;

/// The ends of the pair that is made without a wish.
const ENDS: [&str; 2] = ["nk0", "nk0p"];

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for mode in ["l2", "l3"] {
        let name = format!("own_pair::what_the_readme_says_to_try::{mode}");
        tests.push(Test::new(name, [Need::Netkit], move || {
            shows_a_ping(mode);
        }));
    }
    tests
}

/// The link-local addresses of a device.
fn link_local(namespace: &Namespace, device: &str) -> Vec<String> {
    let devices = namespace.show("address");
    let device = devices.iter().find(|it| it["ifname"] == device).unwrap();
    let addresses = device["addr_info"].as_array().unwrap().iter();
    addresses
        .filter(|address| address["scope"] == "link")
        .map(|address| address["local"].as_str().unwrap().to_owned())
        .collect()
}

/// Both ends have an address, and not the same one, which without MAC addresses
/// they would have.
fn shows_a_ping(mode: &str) {
    const REQUESTS: u64 = 3;
    let namespace = Namespace::new();
    let stream = Stream::start(&namespace, &["--mode", mode]);
    let [near, far] = ENDS.map(|end| link_local(&namespace, end));
    assert!(!near.is_empty() && !far.is_empty(), "{near:?} {far:?}");
    assert!(
        near.iter().all(|address| !far.contains(address)),
        "{near:?}"
    );

    let mut ping = Command::new("ping");
    ping.args(["-6", "-q", "-i", "0.01", "-W", "1"]);
    ping.args(["-c", &REQUESTS.to_string(), "ff02::1%nk0p"]);
    let ping = ping.stdout(Stdio::null());
    // Whether the other end answers is not the question.
    namespace.enter(|| ping.status().unwrap());

    let report = stream.end(Signal::INT);
    let is_ours = |flow: &Value| {
        flow["protocol"] == "icmp6"
            && flow["remote"]["address"] == "ff02::1"
            && far
                .iter()
                .any(|address| flow["local"]["address"] == **address)
            && flow["icmp"]["id"].is_u64()
    };
    assert_eq!(report.sum("out", is_ours).packets, REQUESTS);
}
