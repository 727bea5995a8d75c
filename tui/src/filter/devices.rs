//! Filters about devices alone.

use probe_common::{Direction, FlowKey};

use super::Filter;
use super::context::{Context, Name};
use super::expression::{Expression, Term};
use crate::model::DeviceName;

impl Filter {
    /// Whether it asks for nothing but devices and what they lead to.
    ///
    /// # Errors
    /// The first term that is about packets or flows.
    pub fn is_about_devices(&self) -> Result<(), Self> {
        self.terms.iter().try_for_each(check)
    }

    /// Whether a device matches; `what` knows what it leads to. Only of use where the
    /// filter [is about devices](Self::is_about_devices).
    #[must_use]
    pub fn matches_device<'a>(&self, name: impl Into<DeviceName<'a>>, what: &dyn Context) -> bool {
        // No term looks at the packet.
        self.matches_flow(&FlowKey::default(), what, name, Direction::In)
    }
}

impl Filter {
    /// Refuses a filter that tells several hosts apart, for where one is looked at alone:
    /// nothing would ever match.
    ///
    /// # Errors
    /// The reason.
    pub fn is_of_one_host(&self) -> Result<(), String> {
        match self.terms.iter().find_map(node) {
            None => Ok(()),
            Some(term) => Err(format!(
                "\"{term}\" names a host among several (`nkview ssh`), but here each is looked \
                 at alone: leave it out"
            )),
        }
    }
}

/// The term by which an expression names hosts. No device has a slash in its name.
fn node(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Term(Term::Name {
            kind: Name::Node,
            pattern,
        }) => Some(format!("node {}", pattern.as_str())),
        Expression::Term(Term::Device(pattern)) => {
            let name = pattern.as_str();
            name.contains('/').then(|| format!("dev {name}"))
        }
        Expression::Term(_) => None,
        Expression::Not(part) => node(part),
        Expression::All(parts) | Expression::Any(parts) => parts.iter().find_map(node),
    }
}

fn check(expression: &Expression) -> Result<(), Filter> {
    match expression {
        Expression::Term(
            Term::Device(_)
            | Term::Name {
                kind: Name::Pod | Name::Container | Name::Namespace,
                ..
            },
        ) => Ok(()),
        Expression::Term(_) => Err(expression.clone().into()),
        Expression::Not(part) => check(part),
        Expression::All(parts) | Expression::Any(parts) => parts.iter().try_for_each(check),
    }
}
