//! What is wrong with a text that is no filter.

use std::fmt;

use super::context::Name;

/// What could have stood where the error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The start of a term.
    Term,
    /// An address or a prefix.
    Address,
    /// A prefix length.
    PrefixLength {
        /// 32 or 128.
        max: u8,
    },
    /// One of the four numbers of an IPv4 address.
    Octet,
    /// A port, its name, or a range.
    Port,
    /// An IP protocol's number or name.
    Protocol,
    /// An ethertype.
    EtherType,
    /// A device's name or a glob.
    Device,
    /// A VLAN ID.
    VlanId,
    /// The state of a connection.
    State,
    /// A TCP flag.
    TcpFlag,
    /// A name of this kind, or a glob.
    Name(Name),
    /// A type of ICMP messages.
    IcmpType,
    /// A result code of DNS.
    Rcode,
    /// A size, a rate or a number of packets.
    Amount,
    /// A round-trip time.
    RoundTrip,
    /// A time.
    Time,
    /// A certain word or sign.
    Word(&'static str),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term => f.write_str("an address, a prefix or a keyword"),
            Self::Address => f.write_str("an address or a prefix"),
            Self::PrefixLength { max } => write!(f, "a prefix length of 0 to {max}"),
            Self::Octet => f.write_str("a number of 0 to 255"),
            Self::Port => f.write_str("a port or a range of ports"),
            Self::Protocol => f.write_str("a protocol's number or name"),
            Self::EtherType => f.write_str("an ethertype such as 0x88cc"),
            Self::Device => f.write_str("a device's name or pattern"),
            Self::VlanId => f.write_str("a VLAN ID of 1 to 4094"),
            Self::State => f.write_str("a state such as open or refused"),
            Self::TcpFlag => f.write_str("a TCP flag such as syn or rst"),
            Self::Name(Name::DnsName) => f.write_str("a domain name or pattern"),
            Self::Name(kind) => write!(f, "a name or pattern of a {}", kind.keyword()),
            Self::IcmpType => f.write_str("an ICMP type such as echo or 3"),
            Self::Rcode => f.write_str("a DNS result code such as nxdomain"),
            Self::RoundTrip => f.write_str("a time such as 10ms"),
            Self::Amount => f.write_str("a number such as 10k or 1.5M"),
            Self::Time => f.write_str("a time such as 10s or 5m"),
            Self::Word(word) => write!(f, "\"{word}\""),
        }
    }
}

/// Why a text is no filter. Shown, it is the message and the hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Characters before the part that is wrong.
    pub column: usize,
    /// Characters of that part; 0 where something is missing.
    pub length: usize,
    /// What was expected and what was found.
    pub message: String,
    /// All that could have stood there.
    pub expected: Vec<Expected>,
    /// How to fix it.
    pub hint: Option<String>,
    /// See [`FilterError::is_incomplete`].
    pub(super) is_incomplete: bool,
}

impl FilterError {
    /// Whether the text is right as far as it goes and typing on can make it a
    /// filter.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// The alternatives as text: `"and", "or" or ")"`.
pub(super) fn alternatives(expected: &[Expected]) -> String {
    let texts: Vec<String> = expected.iter().map(ToString::to_string).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}
