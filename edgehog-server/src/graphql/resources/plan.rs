//! What a client selected of a resource: what to ask the store for, and where the answer goes.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection as Selected, SelectionSet};
use async_graphql::{ContextBase, Name, Positioned};
use edgehog_engine::store::{Cardinality, Filter, List, Reach, Resource, Selection};

use super::names::snake_case;
use super::{NODE, arguments, shown};
use crate::graphql::error::Failure;

/// Members of an object, by the names under which they were asked for.
pub(in crate::graphql) type Members<'a> = Vec<(Name, Member<'a>)>;

/// Where a member of an object comes from.
pub(in crate::graphql) enum Member<'a> {
    /// The name of the type.
    TypeName,
    /// The global id.
    GlobalId,
    /// The attribute at this place.
    Attribute(usize),
    /// The record along the reach at this place.
    One(usize, Members<'a>),
    /// The records along the reach at this place, in pages.
    Pages(usize, Connection<'a>),
    /// The records along the reach at this place.
    List(usize, Members<'a>),
    /// Computed by the noun's own module. The same field may have been written several times.
    Extra(Vec<&'a Positioned<Field>>),
}

/// A connection: its members, and the list that it shows.
pub(in crate::graphql) struct Connection<'a> {
    pub(in crate::graphql) members: Vec<(Name, ConnectionMember<'a>)>,
    pub(in crate::graphql) list: List,
    /// What its types are named after.
    pub(in crate::graphql) type_name: &'static str,
}

pub(in crate::graphql) enum ConnectionMember<'a> {
    TypeName,
    Count,
    PageInfo(Vec<(Name, PageInfoMember)>),
    Edges(Vec<(Name, EdgeMember<'a>)>),
}

pub(in crate::graphql) enum EdgeMember<'a> {
    TypeName,
    Cursor,
    Node(Members<'a>),
}

#[derive(Clone, Copy)]
pub(in crate::graphql) enum PageInfoMember {
    TypeName,
    HasPreviousPage,
    HasNextPage,
    StartCursor,
    EndCursor,
}

type Fields<'a> = IndexMap<&'a Name, Vec<&'a Positioned<Field>>>;

/// The fields of selections on one type, those that belong together put together.
pub(in crate::graphql) fn fields<'a, T>(
    context: &ContextBase<'a, T>,
    selections: &[&'a Positioned<SelectionSet>],
    type_name: &str,
) -> Fields<'a> {
    let mut fields = Fields::new();
    for selection in selections {
        collect(context, &selection.node, type_name, &mut fields);
    }
    fields
}

fn collect<'a, T>(
    context: &ContextBase<'a, T>,
    selection: &'a SelectionSet,
    type_name: &str,
    fields: &mut Fields<'a>,
) {
    // Of abstract types there is one, and every object that is asked for by it implements it.
    let applies = |condition: &str| condition == type_name || condition == NODE;
    for item in &selection.items {
        match &item.node {
            Selected::Field(field) => fields.entry(&field.node.response_key().node).or_default().push(field),
            Selected::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                if condition.is_none_or(|condition| applies(&condition.node.on.node)) {
                    collect(context, &fragment.node.selection_set.node, type_name, fields);
                }
            }
            Selected::FragmentSpread(spread) => {
                if let Some(fragment) = context.query_env.fragments.get(&spread.node.fragment_name.node)
                    && applies(&fragment.node.type_condition.node.on.node)
                {
                    collect(context, &fragment.node.selection_set.node, type_name, fields);
                }
            }
        }
    }
}

/// What was selected on a field, however often it was written.
pub(in crate::graphql) fn selections<'a>(
    fields: &[&'a Positioned<Field>],
) -> Vec<&'a Positioned<SelectionSet>> {
    fields.iter().map(|field| &field.node.selection_set).collect()
}

/// Plans the members of an object, and adds what they need to what the store is asked for.
pub(in crate::graphql) fn members<'a, T: Copy>(
    context: &ContextBase<'a, T>,
    resource: &'static Resource,
    selected: &[&'a Positioned<SelectionSet>],
    wanted: &mut Selection,
) -> Result<Members<'a>, Failure> {
    let mut members = Members::new();
    for (name, fields) in fields(context, selected, resource.name) {
        let member = member(context, resource, fields, wanted)?;
        members.push((name.clone(), member));
    }
    Ok(members)
}

fn member<'a, T: Copy>(
    context: &ContextBase<'a, T>,
    resource: &'static Resource,
    fields: Vec<&'a Positioned<Field>>,
    wanted: &mut Selection,
) -> Result<Member<'a>, Failure> {
    let Some(&first) = fields.first() else { return Ok(Member::TypeName) };
    let name = match first.node.name.node.as_str() {
        "__typename" => return Ok(Member::TypeName),
        "id" => return Ok(Member::GlobalId),
        name => snake_case(name),
    };
    if let Some(place) = resource.attribute(&name).filter(|place| !resource.attributes[*place].internal) {
        wanted.add(place);
        return Ok(Member::Attribute(place));
    }
    let relation = resource.relation(&name).filter(|place| !resource.relations[*place].internal);
    let Some(place) = relation else {
        let needs =
            shown(resource).and_then(|shown| shown.extra.as_ref()).map_or(&[][..], |extra| extra.needs);
        for attribute in needs.iter().filter_map(|name| resource.attribute(name)) {
            wanted.add(attribute);
        }
        return Ok(Member::Extra(fields));
    };
    let relation = &resource.relations[place];
    let mut target = Selection::key(relation.target);
    let here = wanted.reaches().len();
    let selected = selections(&fields);
    let (member, reach) = match relation.cardinality {
        Cardinality::One => {
            let members = members(context, relation.target, &selected, &mut target)?;
            (Member::One(here, members), Reach::one(resource, place, target))
        }
        Cardinality::Pages => {
            let list = arguments::pages(&context.with_field(first), relation.target, Filter::default())?;
            let connection = connection(context, relation.target, &selected, list, &mut target)?;
            let list = connection.list.clone();
            (Member::Pages(here, connection), Reach::many(resource, place, target, list))
        }
        _ => {
            let list = arguments::window(&context.with_field(first), relation.target)?;
            let members = members(context, relation.target, &selected, &mut target)?;
            (Member::List(here, members), Reach::many(resource, place, target, list))
        }
    };
    if let Some(reach) = reach {
        wanted.reach(reach);
    }
    Ok(member)
}

/// Plans the members of a connection.
pub(in crate::graphql) fn connection<'a, T: Copy>(
    context: &ContextBase<'a, T>,
    resource: &'static Resource,
    selected: &[&'a Positioned<SelectionSet>],
    list: List,
    wanted: &mut Selection,
) -> Result<Connection<'a>, Failure> {
    let mut planned = Vec::new();
    let (mut counts, mut shows_rows) = (false, false);
    for (name, fields) in fields(context, selected, &format!("{}Connection", resource.name)) {
        let member = match fields[0].node.name.node.as_str() {
            "count" => {
                counts = true;
                ConnectionMember::Count
            }
            "pageInfo" => {
                shows_rows = true;
                ConnectionMember::PageInfo(page_info(context, &selections(&fields)))
            }
            "edges" => {
                shows_rows = true;
                ConnectionMember::Edges(edges(context, resource, &selections(&fields), wanted)?)
            }
            _ => ConnectionMember::TypeName,
        };
        planned.push((name.clone(), member));
    }
    let list = if shows_rows { list.counted(counts) } else { list.only_counted() };
    Ok(Connection { members: planned, list, type_name: resource.name })
}

fn edges<'a, T: Copy>(
    context: &ContextBase<'a, T>,
    resource: &'static Resource,
    selected: &[&'a Positioned<SelectionSet>],
    wanted: &mut Selection,
) -> Result<Vec<(Name, EdgeMember<'a>)>, Failure> {
    let mut planned = Vec::new();
    for (name, fields) in fields(context, selected, &format!("{}Edge", resource.name)) {
        let member = match fields[0].node.name.node.as_str() {
            "cursor" => EdgeMember::Cursor,
            "node" => EdgeMember::Node(members(context, resource, &selections(&fields), wanted)?),
            _ => EdgeMember::TypeName,
        };
        planned.push((name.clone(), member));
    }
    Ok(planned)
}

fn page_info<'a, T>(
    context: &ContextBase<'a, T>,
    selected: &[&'a Positioned<SelectionSet>],
) -> Vec<(Name, PageInfoMember)> {
    let fields = fields(context, selected, "PageInfo");
    let member = |fields: &[&Positioned<Field>]| match fields[0].node.name.node.as_str() {
        "hasPreviousPage" => PageInfoMember::HasPreviousPage,
        "hasNextPage" => PageInfoMember::HasNextPage,
        "startCursor" => PageInfoMember::StartCursor,
        "endCursor" => PageInfoMember::EndCursor,
        _ => PageInfoMember::TypeName,
    };
    fields.into_iter().map(|(name, fields)| (name.clone(), member(&fields))).collect()
}
