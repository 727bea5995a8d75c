//! nkview-filter(7).

use clap_mangen::roff::Roff;
use nkview::filter;

use super::page::Page;

pub fn page(date: &str) -> Roff {
    let mut page = Page::new(
        "nkview-filter",
        "7",
        "the language of nkview's filters",
        date,
    );
    page.section("DESCRIPTION");
    page.paragraph(
        "A filter says which flows and packets are shown (the key / on the screen) or written \
         (the option --filter). It is what one types for tcpdump, or just a prefix. Keywords \
         are not case-sensitive; names of devices and units are.",
    );
    page.section("TERMS");
    for (term, meaning) in filter::REFERENCE {
        page.term(term, &format!("{meaning}."));
    }
    page.section("KEYWORDS");
    for (keyword, meaning) in filter::keywords() {
        page.term(keyword, &format!("{meaning}."));
    }
    page.section("VALUES");
    page.paragraph(&format!("States: {}.", list(filter::states())));
    page.paragraph(&format!("TCP flags: {}.", list(filter::flags())));
    page.paragraph(&format!("ICMP types: {}.", list(filter::icmp_types())));
    page.paragraph(&format!("DNS result codes: {}.", list(filter::rcodes())));
    page.section("RULES");
    page.paragraph(
        "\"not\" binds tightest, then \"and\", then \"or\"; a comma is an \"or\". (In tcpdump, \
         \"and\" and \"or\" have the same precedence.)",
    );
    page.paragraph(
        "Values that follow each other belong to the keyword in front of them, and such a list \
         is one term: \"not port 80, 443\" excludes both ports.",
    );
    page.paragraph(
        "\"src\" and \"dst\" are the packet's ends, \"local\" and \"remote\" the flow's. Host \
         bits of a prefix are dropped. ::/0 is every IPv6 address, but no IPv4 address.",
    );
    page.paragraph(
        "A packet without a property matches no term about it: ICMP and later fragments have no \
         ports, ARP has addresses but no IP protocol. So \"not port 22\" matches them.",
    );
    page.section("EXAMPLES");
    page.example(
        "10.0.0.0/8 and not port 22\n\
         src fd00::/8, 10.1.2.3\n\
         dev lxc* and not (arp or icmp6)\n\
         state refused, unanswered\n\
         rate > 1M and age < 5m",
    );
    page.finish(&["nkview(1)", "nkview-config(5)"])
}

fn list(words: impl Iterator<Item = &'static str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
