//! The list of views.

/// The views in the order of their tabs, one line each: its name, its module in
/// `app::views` and in `ui::views`, the type of its state, and what the help
/// says of it.
///
/// What needs every view takes this list: [`Tab`], the states
/// ([`Views`](super::views::Views)) and the drawing (`ui::views`).
macro_rules! each_view {
    ($make:ident) => {
        $make! {
            Flows flows FlowsView "Flows: every flow, with its counters";
            Packets packets PacketsView "Packets: the noteworthy ones, dissected";
            Hosts hosts HostsView "Hosts: traffic by address and prefix";
            Devices devices DevicesView "Devices, and which of them are watched";
            Problems problems ProblemsView "Problems: what is wrong, with evidence and advice";
            Probe probe ProbeView "Probe: where all packets are, the programs' cost, notices";
        }
    };
}
pub(crate) use each_view;

macro_rules! tabs {
    ($($name:ident $module:ident $state:ident $help:literal;)*) => {
        /// One of the views, by its tab.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Tab {
            $(#[doc = $help] $name,)*
        }

        impl Tab {
            /// All tabs, in their order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name on the tab.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The name of its keys' table in the configuration file.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($module),)*
                }
            }

            /// The name of the action that shows it, in the configuration file.
            #[must_use]
            pub const fn show_key(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("show-", stringify!($module)),)*
                }
            }

            /// Its description in the help.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self {
                    $(Self::$name => $help,)*
                }
            }
        }
    };
}
each_view!(tabs);

impl Tab {
    /// The tab `places` to the right, wrapping around.
    #[must_use]
    pub const fn moved(self, places: usize) -> Self {
        Self::ALL[(self as usize + places) % Self::ALL.len()]
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize + 1
    }
}
