//! The rules: a row for each module.

/// What a module may name besides itself.
pub enum Names {
    /// It ties the others together.
    All,
    /// It may name these.
    Only(&'static [&'static str]),
}

impl Names {
    /// Whether it may name that module.
    pub fn allow(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only.contains(&name),
        }
    }
}

use Names::{All, Only};

/// A row for each module of the crate.
pub const RULES: &[(&str, Names)] = &[
    ("main", All),
    ("lib", All),
    ("cli", All),
    ("run", All),
    ("log", Only(&["cli"])),
    ("runtime", All),
    ("demo", Only(&[])),
    ("process", Only(&[])),
    ("sys", Only(&["model"])),
    ("terminal", Only(&["process", "sys"])),
    (
        "probe",
        Only(&["model", "process", "source", "sys", "text"]),
    ),
    ("model", Only(&[])),
    ("files", Only(&[])),
    ("source", Only(&["model"])),
    ("recording", Only(&["model"])),
    ("redact", Only(&["model"])),
    ("remote", Only(&["model", "recording", "source", "sys"])),
    (
        "replay",
        Only(&["diagnosis", "model", "recording", "source", "traffic"]),
    ),
    ("flow", Only(&["model"])),
    ("text", Only(&[])),
    ("traffic", Only(&["flow", "model", "text"])),
    ("diagnosis", Only(&["filter", "flow", "model", "text"])),
    ("report", Only(&["diagnosis", "text"])),
    ("filter", Only(&["model", "text"])),
    (
        "about",
        Only(&["diagnosis", "filter", "flow", "model", "traffic"]),
    ),
    (
        "watching",
        Only(&["about", "diagnosis", "filter", "model", "traffic"]),
    ),
    ("dissect", Only(&["model", "text"])),
    ("listing", Only(&["model", "text"])),
    (
        "export",
        Only(&[
            "about",
            "diagnosis",
            "dissect",
            "filter",
            "flow",
            "model",
            "recording",
            "redact",
            "report",
            "text",
            "traffic",
        ]),
    ),
    (
        "app",
        Only(&[
            "about",
            "diagnosis",
            "dissect",
            "filter",
            "flow",
            "model",
            "text",
            "traffic",
            "watching",
        ]),
    ),
    (
        "config",
        Only(&["app", "diagnosis", "filter", "keys", "text"]),
    ),
    ("keys", Only(&["app"])),
    (
        "ui",
        Only(&[
            "about",
            "app",
            "diagnosis",
            "dissect",
            "filter",
            "flow",
            "keys",
            "listing",
            "model",
            "text",
            "traffic",
        ]),
    ),
];

/// The modules whose own modules are ruled too, and what each of these may name
/// of the others. The module's own file ties them together.
pub const ROOMS: &[(&str, &[(&str, Names)])] =
    &[("app", APP), ("diagnosis", DIAGNOSIS), ("probe", PROBE)];

/// From what stands alone to what knows all the others.
const APP: &[(&str, Names)] = &[
    ("ends", Only(&[])),
    ("line", Only(&[])),
    ("list", Only(&[])),
    ("looking_up", Only(&[])),
    ("measure", Only(&[])),
    ("names", Only(&["ends"])),
    ("notices", Only(&[])),
    ("order", Only(&[])),
    ("push_down", Only(&[])),
    ("search", Only(&["line"])),
    ("tab", Only(&[])),
    ("timeline", Only(&["line"])),
    ("usage", Only(&[])),
    ("past", Only(&[])),
    ("group", Only(&["ends"])),
    ("hostnames", Only(&["ends"])),
    ("own", Only(&["ends"])),
    ("criteria", Only(&["own"])),
    ("blocking", Only(&["criteria", "ends", "line", "own"])),
    ("columns", Only(&["list", "order"])),
    ("device_column", Only(&["order"])),
    ("host_column", Only(&["order"])),
    ("item", Only(&["group"])),
    ("filtering", Only(&["ends", "group", "line"])),
    ("preferences", Only(&["columns", "filtering", "measure"])),
    (
        "action",
        Only(&[
            "columns",
            "device_column",
            "filtering",
            "host_column",
            "item",
            "line",
            "list",
            "own",
            "past",
            "tab",
            "timeline",
            "usage",
        ]),
    ),
    ("effect", Only(&["past"])),
    (
        "bindings",
        Only(&[
            "action",
            "columns",
            "ends",
            "filtering",
            "line",
            "list",
            "tab",
            "timeline",
        ]),
    ),
    (
        "state",
        Only(&[
            "blocking",
            "criteria",
            "filtering",
            "hostnames",
            "looking_up",
            "measure",
            "notices",
            "own",
            "past",
            "preferences",
            "push_down",
            "search",
            "timeline",
            "usage",
        ]),
    ),
    (
        "views",
        Only(&[
            "action",
            "bindings",
            "blocking",
            "columns",
            "criteria",
            "device_column",
            "ends",
            "filtering",
            "group",
            "host_column",
            "item",
            "list",
            "measure",
            "names",
            "order",
            "state",
            "tab",
        ]),
    ),
    // Parts of the application itself.
    ("block", All),
    ("cursor", All),
    ("narrowing", All),
    ("navigation", All),
    ("time", All),
    ("update", All),
];

const DIAGNOSIS: &[(&str, Names)] = &[
    ("decode", Only(&[])),
    ("severity", Only(&[])),
    ("thresholds", Only(&[])),
    ("evidence", Only(&["decode"])),
    ("kind", Only(&["severity"])),
    ("policy", Only(&["kind", "thresholds"])),
    ("finding", Only(&["decode", "kind", "severity"])),
    ("claims", Only(&["finding", "kind", "severity"])),
    ("concerns", Only(&["finding", "severity"])),
    ("view", Only(&["evidence", "finding", "thresholds"])),
    (
        "rules",
        Only(&["claims", "decode", "evidence", "finding", "kind", "view"]),
    ),
    // A part of the diagnosis itself.
    ("hosts", All),
];

const PROBE: &[(&str, Names)] = &[
    ("losses", Only(&[])),
    ("monotonic", Only(&[])),
    ("netlink", Only(&[])),
    ("netns", Only(&[])),
    ("owner", Only(&[])),
    ("privileges", Only(&[])),
    ("refusal", Only(&["privileges"])),
    ("change", Only(&[])),
    ("cost", Only(&[])),
    ("devices", Only(&["netlink"])),
    ("flow_table", Only(&[])),
    ("clsact", Only(&["devices", "netns", "owner"])),
    ("inventory", Only(&["devices", "netlink", "netns"])),
    ("stub", Only(&[])),
    ("object", Only(&["flow_table", "stub"])),
    ("pair", Only(&["devices", "netns", "owner"])),
    ("policy", Only(&["change", "devices"])),
    ("counters", Only(&["losses", "object"])),
    ("cover", Only(&["devices", "inventory"])),
    ("block", Only(&["monotonic", "object"])),
    ("link_counters", Only(&["inventory", "netns"])),
    ("preflight", Only(&["object", "privileges", "refusal"])),
    (
        "attach",
        Only(&[
            "block",
            "change",
            "clsact",
            "devices",
            "inventory",
            "netns",
            "object",
            "policy",
            "preflight",
        ]),
    ),
    ("fate", Only(&["inventory", "link_counters"])),
    (
        "collect",
        Only(&[
            "block",
            "cost",
            "counters",
            "devices",
            "fate",
            "inventory",
            "link_counters",
            "monotonic",
            "netlink",
            "netns",
        ]),
    ),
    (
        "guard",
        Only(&[
            "attach",
            "change",
            "cover",
            "devices",
            "inventory",
            "object",
        ]),
    ),
    ("uplink", Only(&[])),
    ("rules", Only(&["attach", "block", "preflight"])),
    (
        "trace",
        Only(&["collect", "monotonic", "preflight", "refusal"]),
    ),
    (
        "watch",
        Only(&[
            "attach",
            "block",
            "devices",
            "fate",
            "guard",
            "inventory",
            "object",
            "policy",
            "preflight",
            "rules",
            "uplink",
        ]),
    ),
    (
        "doctor",
        Only(&[
            "devices",
            "object",
            "preflight",
            "privileges",
            "refusal",
            "trace",
        ]),
    ),
    (
        "live",
        Only(&[
            "block",
            "change",
            "clsact",
            "collect",
            "counters",
            "devices",
            "fate",
            "guard",
            "inventory",
            "object",
            "pair",
            "preflight",
            "privileges",
            "rules",
            "trace",
            "uplink",
            "watch",
        ]),
    ),
];

/// What is compiled for tests alone, which all modules may name.
pub const FOR_TESTS: &[(&str, Names)] = &[("synthetic", Only(&["model"]))];
