//! What a client of the contract would miss in our schema.

use std::fmt;

use super::schema::{Kind, Member, Schema, Signature, Type};

/// All that is wrong, and how much is right.
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) counts: Counts,
}

/// What there is of what there should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    types: usize,
    all_types: usize,
    members: usize,
    all_members: usize,
}

/// Something that a client would stumble over.
pub(super) struct Finding {
    type_name: String,
    problem: Problem,
}

enum Problem {
    MissingType,
    MissingMember { member: Member, wanted: Signature },
    OtherKind { found: Kind, wanted: Kind },
    OtherType { member: Member, found: Signature, wanted: Signature },
    Mandatory { member: Member, found: Signature },
}

impl Report {
    /// Whether the comparison counts as a success.
    pub(super) fn passes(&self, allow_missing: bool) -> bool {
        self.findings.iter().all(|finding| allow_missing && finding.problem.is_absence())
    }
}

impl Problem {
    /// What is missing may come yet; what is different will not become right by itself.
    fn is_absence(&self) -> bool {
        matches!(self, Self::MissingType | Self::MissingMember { .. })
    }
}

/// `only` names the types of the contract to look at; all where it is empty.
pub(super) fn compare(ours: &Schema, contract: &Schema, only: &[String]) -> Report {
    let mut report = Report { findings: Vec::new(), counts: Counts::default() };
    for (name, wanted) in &contract.types {
        if !only.is_empty() && !only.iter().any(|asked| wanted.is_called(name, asked)) {
            continue;
        }
        report.counts.all_types += 1;
        report.counts.all_members += wanted.members.len();
        let problems = match ours.types.get(name) {
            None => vec![Problem::MissingType],
            Some(found) if found.kind != wanted.kind => {
                vec![Problem::OtherKind { found: found.kind, wanted: wanted.kind }]
            }
            Some(found) => {
                let agrees = |(member, signature): &(&Member, &Signature)| {
                    found.members.get(member).is_some_and(|it| it.type_name == signature.type_name)
                };
                report.counts.members += wanted.members.iter().filter(agrees).count();
                of_members(found, wanted)
            }
        };
        report.counts.types += usize::from(problems.is_empty());
        let finding = |problem| Finding { type_name: name.clone(), problem };
        report.findings.extend(problems.into_iter().map(finding));
    }
    report
}

fn of_members(found: &Type, wanted: &Type) -> Vec<Problem> {
    let lacking = wanted.members.iter().filter_map(|(member, wanted)| {
        let (member, wanted) = (member.clone(), wanted.clone());
        match found.members.get(&member) {
            None => Some(Problem::MissingMember { member, wanted }),
            Some(found) if found.type_name != wanted.type_name => {
                Some(Problem::OtherType { member, found: found.clone(), wanted })
            }
            Some(_) => None,
        }
    });
    let extra = found.members.iter().filter(|(member, signature)| {
        signature.mandatory && !wanted.members.contains_key(member) && concerns(member, wanted)
    });
    let extra =
        extra.map(|(member, found)| Problem::Mandatory { member: member.clone(), found: found.clone() });
    lacking.chain(extra).collect()
}

/// What fields of our own ask for is no matter of a client who does not know them.
fn concerns(member: &Member, wanted: &Type) -> bool {
    match member {
        Member::Argument { field, .. } => wanted.members.contains_key(&Member::Field(field.clone())),
        _ => true,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.type_name;
        match &self.problem {
            Problem::MissingType => write!(f, "missing type {name}"),
            Problem::MissingMember { member, wanted } => write!(f, "{name}: missing {member}{wanted}"),
            Problem::OtherKind { found, wanted } => write!(f, "{name}: is {found}, contract says {wanted}"),
            Problem::OtherType { member, found, wanted } => {
                write!(f, "{name}: {member} is {}, contract says {}", found.type_name, wanted.type_name)
            }
            Problem::Mandatory { member, found } => {
                write!(f, "{name}: extra {member} is mandatory{found}")
            }
        }
    }
}

/// With the colon before it, as in a schema.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.type_name.is_empty() { Ok(()) } else { write!(f, ": {}", self.type_name) }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { types, all_types, members, all_members } = self;
        write!(f, "types {types} of {all_types}, members {members} of {all_members}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = "
        schema { query: RootQuery mutation: RootMutation }
        type RootQuery { device(id: ID!): Device devices(first: Int): [Device!]! }
        type RootMutation { rename(input: RenameInput!): Device }
        interface Node { id: ID! }
        type Device implements Node { id: ID! name: String }
        type Group { id: ID! }
        union Target = Device | Group
        enum State { ON OFF }
        input RenameInput { name: String! note: String }
        scalar DateTime
    ";

    fn against(contract: &str, ours: &str, only: &[&str]) -> Report {
        let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
        compare(&Schema::parse(ours).unwrap(), &Schema::parse(contract).unwrap(), &only)
    }

    fn lines(report: &Report) -> Vec<String> {
        report.findings.iter().map(ToString::to_string).collect()
    }

    /// A schema keeps its own contract, whatever its roots are called.
    #[test]
    fn the_same_schema_passes() {
        let renamed = CONTRACT
            .replace("schema { query: RootQuery mutation: RootMutation }", "")
            .replace("RootQuery", "Query")
            .replace("RootMutation", "Mutation");
        for ours in [CONTRACT, &renamed] {
            let report = against(CONTRACT, ours, &[]);
            assert_eq!(lines(&report), [""; 0]);
            assert_eq!(report.counts.to_string(), "types 9 of 9, members 17 of 17");
            assert!(report.passes(false) && report.passes(true));
        }
    }

    /// One change of ours each: what is said of it, and whether it is an absence.
    #[test]
    fn each_rule() {
        for (old, new, line, is_absence) in [
            ("scalar DateTime", "", "missing type DateTime", true),
            ("name: String }", "}", "Device: missing name: String", true),
            ("(first: Int)", "", "<query root>: missing devices(first:): Int", true),
            ("note: String }", "}", "RenameInput: missing note: String", true),
            ("ON OFF", "ON", "State: missing value OFF", true),
            ("= Device | Group", "= Device", "Target: missing member Group", true),
            ("Device implements Node", "Device", "Device: missing implements Node", true),
            ("scalar DateTime", "enum DateTime { NOW }", "DateTime: is enum, contract says scalar", false),
            ("id: ID! name", "id: ID name", "Device: id is ID, contract says ID!", false),
            (
                "[Device!]!",
                "[Device]!",
                "<query root>: devices is [Device]!, contract says [Device!]!",
                false,
            ),
            ("(id: ID!)", "(id: Int!)", "<query root>: device(id:) is Int!, contract says ID!", false),
            ("note: String", "note: Int", "RenameInput: note is Int, contract says String", false),
            ("note: ", "more: Int! note: ", "RenameInput: extra more is mandatory: Int!", false),
            ("first: ", "more: Int! first: ", "<query root>: extra devices(more:) is mandatory: Int!", false),
        ] {
            assert!(CONTRACT.contains(old), "{old}");
            let report = against(CONTRACT, &CONTRACT.replacen(old, new, 1), &[]);
            assert_eq!(lines(&report), [line], "{new}");
            assert!(!report.passes(false), "{new}");
            assert_eq!(report.passes(true), is_absence, "{new}");
        }
    }

    /// What a client need not send or know is free.
    #[test]
    fn additions_are_free() {
        for (old, new) in [
            ("scalar DateTime", "scalar DateTime scalar Date"),
            ("name: String }", "name: String serial: String! }"),
            ("name: String }", "name: String tag(name: String!): String }"),
            ("first: Int", "first: Int after: String"),
            ("first: Int", "first: Int size: Int! = 5"),
            ("note: String", "note: String size: Int! = 5"),
            ("ON OFF", "ON OFF IDLE"),
            ("| Group", "| Group | RootQuery"),
        ] {
            assert!(CONTRACT.contains(old), "{old}");
            let report = against(CONTRACT, &CONTRACT.replacen(old, new, 1), &[]);
            assert_eq!(lines(&report), [""; 0], "{new}");
        }
    }

    /// `--only` looks at the named types alone, roots by either name.
    #[test]
    fn some_types_only() {
        let ours = "type Query { device(id: ID!): Device } type Device { id: ID! }";
        for (only, counts) in [
            (&["Device"][..], "types 0 of 1, members 1 of 3"),
            (&["RootQuery"], "types 0 of 1, members 2 of 4"),
            (&["<query root>", "State"], "types 0 of 2, members 2 of 6"),
        ] {
            assert_eq!(against(CONTRACT, ours, only).counts.to_string(), counts);
        }
        let contract = Schema::parse(CONTRACT).unwrap();
        assert!(contract.has("RootQuery") && contract.has("<query root>") && !contract.has("Nobody"));
    }

    /// An extension adds to its type.
    #[test]
    fn extensions_count() {
        let ours = CONTRACT.replace("ON OFF", "ON") + "extend enum State { OFF }";
        assert_eq!(lines(&against(CONTRACT, &ours, &[])), [""; 0]);
    }
}
