//! Orders and pages of every resource: keysets, windows, counts.

use std::cmp::Ordering;

use edgehog_store::{
    Cursor, DEVICE, Device, DeviceObservation, Error, Filter, List, Page, PageRequest, Reach, Record,
    Related, Resource, Selection, Sort, TAG, TenantScope, TenantTx, Value,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::values::Collation;
use crate::{keys, rows, store, tenant, values};

type Walked = Vec<Value>;

fn forward(first: u32, after: Option<Cursor>) -> PageRequest {
    PageRequest::Forward { first, after }
}

fn keys_of(page: &Page<Record>) -> Walked {
    page.rows.iter().map(|row| row.key().clone()).collect()
}

/// All rows by cursors, from the first to the last.
async fn walk_forward(tx: &mut TenantTx, selection: &Selection, list: &List, size: u32) -> Walked {
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = tx.list(selection, &list.clone().page(forward(size, after.clone()))).await.unwrap();
        assert_eq!(page.has_previous, after.is_some());
        walked.extend(keys_of(&page));
        assert!(walked.len() < 300, "it goes round in circles");
        let Some(last) = page.rows.last() else { break };
        after = Some(list.cursor(last));
        if !page.has_next {
            break;
        }
    }
    walked
}

/// All rows before a cursor, from the last to the first.
async fn walk_backward(
    tx: &mut TenantTx,
    selection: &Selection,
    list: &List,
    size: u32,
    from: Cursor,
) -> Walked {
    let mut walked = Vec::new();
    let mut before = from;
    loop {
        let page = tx
            .list(selection, &list.clone().page(PageRequest::Backward { last: size, before }))
            .await
            .unwrap();
        walked.extend(keys_of(&page).into_iter().rev());
        assert!(walked.len() < 300, "it goes round in circles");
        let Some(first) = page.rows.first() else { break };
        assert!(page.has_next);
        before = list.cursor(first);
        if !page.has_previous {
            break;
        }
    }
    walked
}

/// An order of a resource, by attributes that people can sort by.
fn order() -> impl Strategy<Value = (&'static Resource, Vec<Sort>)> {
    prop::sample::select(Resource::all().to_vec()).prop_flat_map(|resource| {
        let places: Vec<_> =
            (0..resource.attributes.len()).filter(|it| !resource.attributes[*it].internal).collect();
        let sort = (prop::sample::select(places), any::<bool>(), any::<bool>());
        let sort =
            sort.prop_map(|(attribute, descending, nulls_first)| Sort { attribute, descending, nulls_first });
        (Just(resource), prop::collection::vec(sort, 0..4))
    })
}

/// How rows stand in an order, the key being the last word.
fn compare(sort: &[Sort], collation: &Collation, one: &Record, other: &Record) -> Ordering {
    let by = |by: &Sort| {
        let (one, other) = (one.value(by.attribute), other.value(by.attribute));
        let nulls = if by.nulls_first { Ordering::Less } else { Ordering::Greater };
        match (one, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => nulls,
            (_, Value::Null) => nulls.reverse(),
            (one, other) => {
                let order = collation.compare(one, other).unwrap();
                if by.descending { order.reverse() } else { order }
            }
        }
    };
    let key = Sort::ascending(0);
    sort.iter().chain([&key]).map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

async fn check_order(
    scope: &TenantScope,
    resource: &'static Resource,
    sort: &[Sort],
    size: u32,
) -> Result<(), TestCaseError> {
    let mut tx = scope.begin().await.unwrap();
    let list = List::default().sort(sort.to_vec());
    let all = tx.list(&Selection::all(resource), &list.clone().page(PageRequest::all())).await.unwrap();
    let texts: Vec<_> = all
        .rows
        .iter()
        .flat_map(|row| (0..resource.attributes.len()).map(|it| row.value(it).clone()))
        .collect();
    let collation = Collation::of(tx.connection(), &texts).await;
    for pair in all.rows.windows(2) {
        prop_assert_eq!(
            compare(sort, &collation, &pair[0], &pair[1]),
            Ordering::Less,
            "{:?} {:?}",
            sort,
            pair
        );
    }
    let expected = keys_of(&all);
    let key = Selection::key(resource);
    prop_assert_eq!(&walk_forward(&mut tx, &key, &list, size).await, &expected);
    let last = all.rows.last().unwrap();
    let mut back = walk_backward(&mut tx, &key, &list, size, list.cursor(last)).await;
    back.reverse();
    prop_assert_eq!(&back, &expected[..expected.len() - 1]);
    // A window of the same order is a part of it.
    let window = PageRequest::Window { limit: Some(size), offset: 2 };
    let window = keys_of(&tx.list(&key, &list.page(window)).await.unwrap());
    let end = expected.len().min(2 + size as usize);
    prop_assert_eq!(&window, &expected[2..end]);
    Ok(())
}

/// In any order, pages of any size show every row once, where it belongs, in either direction.
#[test]
fn pages_cover_every_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_store, scope) = runtime.block_on(async {
        let store = store().await;
        let (scope, _) = tenant(&store, "plant-one").await;
        let mut tx = scope.begin().await.unwrap();
        for resource in Resource::all() {
            rows::vary(&mut tx, resource, values::for_attribute).await;
        }
        tx.commit().await.unwrap();
        (store, scope)
    });
    let config = ProptestConfig {
        cases: 96,
        failure_persistence: None,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    };
    proptest!(config, |((resource, sort) in order(), size in 1_u32..30)| {
        runtime.block_on(check_order(&scope, resource, &sort, size))?;
    });
}

/// Rows that come and go between two pages do not make others appear twice or not at all.
#[tokio::test]
async fn pages_bear_with_change() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let seen = |id: String| DeviceObservation::new(realm, id);
    let name = DEVICE.attribute("name").unwrap();
    for sort in [vec![], vec![Sort::ascending(name)], vec![Sort::descending(name)]] {
        let mut tx = scope.begin().await.unwrap();
        let first: Vec<_> = (0..30).map(|number| seen(format!("{number:02}"))).collect();
        tx.device_record(&first).await.unwrap();
        let list = List::default().sort(sort);
        let all = tx.rows::<Device>(&list.clone().page(PageRequest::all())).await.unwrap().rows;
        let mut walked: Vec<Device> = Vec::new();
        let mut deleted = Vec::new();
        let mut after = None;
        for round in 0.. {
            let page = tx.rows::<Device>(&list.clone().page(forward(4, after))).await.unwrap();
            after = page.rows.last().map(|device| list.cursor_of(device));
            walked.extend(page.rows);
            if !page.has_next {
                break;
            }
            // The row that the cursor was made from, one that was seen, and one that was not, perhaps.
            let here = walked.last().unwrap().device_id.clone();
            let others = [round, (round * 7 + 20) % 30].map(|place| all[place].device_id.clone());
            for device in others.into_iter().chain([here]) {
                if tx.device_delete(realm, &device).await.unwrap() {
                    deleted.push(device);
                }
            }
            tx.device_record(&[seen(format!("{round:02} new")), seen(format!("z {round}"))]).await.unwrap();
        }
        let places: Vec<_> = walked.iter().map(|it| &it.device_id).collect();
        assert_eq!(places.iter().collect::<std::collections::HashSet<_>>().len(), places.len(), "{places:?}");
        let old: Vec<_> = all.iter().map(|it| &it.device_id).filter(|it| !deleted.contains(it)).collect();
        let seen: Vec<_> = places.into_iter().filter(|it| old.contains(it)).collect();
        assert_eq!(seen, old);
    }
}

/// Lists within a record have pages, windows and counts of their own.
#[tokio::test]
async fn lists_within_records_have_pages() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    let seen = ["one", "two"].map(|id| DeviceObservation::new(realm, id));
    let devices = tx.device_record(&seen).await.unwrap();
    let tags: Vec<_> = (0..260).map(|number| format!("{:03}", (number * 77) % 260)).collect();
    tx.device_tags_add(devices[0].id, &tags).await.unwrap();
    tx.device_tags_add(devices[1].id, &tags[..3]).await.unwrap();
    let relation = DEVICE.relation("tags").unwrap();
    let name = TAG.attribute("name").unwrap();
    let list = List::default().sort(vec![Sort::descending(name)]);
    let mut within = async |list: &List| {
        let mut selection = Selection::key(&DEVICE);
        selection.reach(Reach::many(&DEVICE, relation, Selection::key(&TAG), list.clone()).unwrap());
        let found = tx.get(&selection, devices[0].id).await.unwrap().unwrap();
        let [Related::Many(page)] = found.related() else { panic!("{found:?}") };
        page.clone()
    };
    let names = |page: &Page<Record>| {
        page.rows.iter().map(|it| it.value(name).as_text().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut expected = tags.clone();
    expected.sort_by(|one, other| other.cmp(one));

    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = within(&list.clone().page(forward(100, after.clone())).counted(true)).await;
        assert_eq!((page.count, page.has_previous), (Some(260), after.is_some()));
        walked.extend(names(&page));
        after = page.rows.last().map(|last| list.cursor(last));
        if !page.has_next {
            break;
        }
    }
    assert_eq!(walked, expected);
    let back = within(&list.clone().page(PageRequest::Backward { last: 2, before: after.unwrap() })).await;
    assert_eq!(names(&back), expected[257..259]);
    assert!(back.has_previous && back.has_next);

    let capped = within(&list.clone().page(forward(10_000, None))).await;
    assert!(capped.rows.len() == 250 && capped.has_next && capped.count.is_none());
    let all = within(&list.clone().page(PageRequest::all())).await;
    assert_eq!(all.rows.len(), 260);
    let window = within(&list.clone().page(PageRequest::Window { limit: Some(2), offset: 1 })).await;
    assert_eq!(names(&window), expected[1..3]);
    let counted = within(&list.clone().only_counted()).await;
    assert!(counted.rows.is_empty() && counted.count == Some(260));
}

/// A page's count is that of all pages, of the rows that pass the filter, whether rows are wanted or not.
#[tokio::test]
async fn counts_follow_the_filter() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    let seen: Vec<_> = (0..9).map(|number| DeviceObservation::new(realm, format!("{number}"))).collect();
    let devices = tx.device_record(&seen).await.unwrap();
    for device in &devices[..5] {
        tx.device_tags_add(device.id, &["a".into(), "b".into()]).await.unwrap();
    }
    let tagged = Filter::has(DEVICE.relation("tags").unwrap());
    let key = Selection::key(&DEVICE);
    let list = List::new(tagged.clone()).page(forward(2, None));
    let page = tx.list(&key, &list.clone().counted(true)).await.unwrap();
    assert_eq!((page.rows.len(), page.count), (2, Some(5)));
    let after = list.cursor(&page.rows[1]);
    let second = tx.list(&key, &list.clone().page(forward(2, Some(after))).counted(true)).await.unwrap();
    assert_eq!((second.rows.len(), second.count), (2, Some(5)), "the cursor does not narrow the count");
    assert_eq!(tx.list(&key, &list).await.unwrap().count, None);
    let only = tx.list(&key, &List::new(tagged.clone()).only_counted()).await.unwrap();
    assert_eq!((only.rows.len(), only.count), (0, Some(5)));
    assert_eq!(tx.count(&DEVICE, tagged).await.unwrap(), 5);
    assert_eq!(keys(&mut tx, &DEVICE, Filter::default()).await.len(), 9);
}

/// A cursor of another resource or order is refused, at the top and within, and so is text that is none.
#[tokio::test]
async fn foreign_cursors_are_refused() {
    let store = store().await;
    let (scope, realm) = tenant(&store, "plant-one").await;
    let mut tx = scope.begin().await.unwrap();
    tx.device_record(&[DeviceObservation::new(realm, "device")]).await.unwrap();
    let device = tx.rows::<Device>(&List::default()).await.unwrap().rows.remove(0);
    let by_name = List::default().sort(vec![Sort::ascending(DEVICE.attribute("name").unwrap())]);
    let cursors = [by_name.cursor_of(&device), "bm90aGluZw".parse().unwrap(), "A".parse().unwrap()];
    for cursor in cursors {
        let requests = [forward(1, Some(cursor.clone())), PageRequest::Backward { last: 1, before: cursor }];
        for list in requests.map(|request| List::default().page(request)) {
            let refused = tx.list(&Selection::key(&DEVICE), &list).await.unwrap_err();
            assert!(matches!(refused, Error::InvalidCursor), "{refused:?}");
            let mut selection = Selection::key(&DEVICE);
            let tags = DEVICE.relation("tags").unwrap();
            selection.reach(Reach::many(&DEVICE, tags, Selection::key(&TAG), list).unwrap());
            let refused = tx.list(&selection, &List::default()).await.unwrap_err();
            assert!(matches!(refused, Error::InvalidCursor), "{refused:?}");
        }
    }
    let of_a_device = List::default().cursor_of(&device);
    let tags = List::default().page(forward(1, Some(of_a_device)));
    let refused = tx.list(&Selection::key(&TAG), &tags).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidCursor), "{refused:?}");
}
