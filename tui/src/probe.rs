//! All that touches the kernel.

mod attach;
pub mod block;
mod change;
mod clsact;
pub mod collect;
mod cost;
pub mod counters;
mod cover;
mod devices;
pub mod doctor;
mod fate;
pub mod flow_table;
mod guard;
pub mod inventory;
mod link_counters;
pub mod live;
mod losses;
mod monotonic;
mod netlink;
mod netns;
pub mod object;
mod owner;
pub mod pair;
mod policy;
pub mod preflight;
pub mod privileges;
mod refusal;
mod rules;
mod stub;
pub mod trace;
mod uplink;
mod watch;

pub use object::Sizes;
