//! Filters, orders, pages and fields of the list of tenants.

use serde_json::{Value, json};

use crate::admin::{Administrator, plant};

/// The server's own tenant plant-one, named like its slug, and three more.
async fn four_tenants() -> Administrator {
    let admin = Administrator::start().await;
    for (slug, locale) in [("plant-two", "it-IT"), ("mill", "de-DE"), ("yard", "it-IT")] {
        let mut body = plant(slug);
        body["data"]["attributes"]["default_locale"] = json!(locale);
        assert_eq!(admin.post(&body).await.0, 201);
    }
    admin
}

fn slugs(document: &Value) -> Vec<&str> {
    let data = document["data"].as_array().unwrap_or_else(|| panic!("{document}"));
    data.iter().map(|tenant| tenant["attributes"]["slug"].as_str().unwrap()).collect()
}

/// Filters compare the attributes that clients see, and all of them must hold; orders may have several terms.
#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    let admin = four_tenants().await;
    let all: &[&str] = &["plant-one", "plant-two", "mill", "yard"];
    for (query, expected) in [
        ("", all),
        ("filter[slug]=mill", &["mill"]),
        ("filter[slug][eq]=mill", &["mill"]),
        ("filter[name]=MILL", &["mill"]),
        ("filter[name]=mill", &[]),
        ("filter[default_locale][not_eq]=it-IT", &["plant-one", "mill"]),
        ("filter[slug][contains]=plant", &["plant-one", "plant-two"]),
        ("filter[slug][in][]=yard&filter[slug][in][]=mill&filter[slug][in][]=x", &["mill", "yard"]),
        ("filter[default_locale]=it-IT&filter[slug][contains]=a", &["plant-two", "yard"]),
        ("filter%5Bslug%5D=mill", &["mill"]),
        ("sort=slug", &["mill", "plant-one", "plant-two", "yard"]),
        ("sort=-slug", &["yard", "plant-two", "plant-one", "mill"]),
        ("sort=-id", &["yard", "mill", "plant-two", "plant-one"]),
        ("sort=-default_locale,slug", &["plant-two", "yard", "plant-one", "mill"]),
        ("sort=-default_locale,-id", &["yard", "plant-two", "plant-one", "mill"]),
        ("sort=slug&filter[slug][contains]=n&page[limit]=1&page[offset]=1", &["plant-two"]),
    ] {
        let (status, document) = admin.get(&format!("/tenants?{query}")).await;
        assert_eq!(status, 200, "{query}: {document}");
        assert_eq!(slugs(&document), expected, "{query}");
        assert_eq!(document["links"]["self"], format!("{}/admin-api/v1/tenants?{query}", admin.server.url));
    }
}

/// Who follows the links of pages sees each tenant once, forth and back, in any order, even where tenants go meanwhile.
#[tokio::test]
async fn pages_lead_through_the_list() {
    let admin = four_tenants().await;
    let base = format!("{}/admin-api/v1", admin.server.url);
    for (first, all) in [
        ("/tenants?page[limit]=3", ["plant-one", "plant-two", "mill", "yard"]),
        ("/tenants?page[limit]=1&sort=-default_locale", ["plant-two", "yard", "plant-one", "mill"]),
        ("/tenants?page[limit]=2&page[offset]=0&sort=slug", ["mill", "plant-one", "plant-two", "yard"]),
    ] {
        let (mut path, mut forth, mut pages) = (first.to_owned(), Vec::new(), Vec::new());
        let last = loop {
            let (status, document) = admin.get(&path).await;
            assert_eq!(status, 200, "{path}: {document}");
            forth.extend(slugs(&document).into_iter().map(str::to_owned));
            pages.push(slugs(&document).len());
            let Some(next) = document["links"]["next"].as_str() else { break document };
            path = next.strip_prefix(&base).unwrap().to_owned();
        };
        assert_eq!(forth, all, "{first}");
        let mut back = slugs(&last).into_iter().rev().map(str::to_owned).collect::<Vec<_>>();
        let mut document = last;
        while let Some(prev) = document["links"]["prev"].as_str() {
            document = admin.get(prev.strip_prefix(&base).unwrap()).await.1;
            let mut page: Vec<_> = slugs(&document).into_iter().rev().map(str::to_owned).collect();
            page.retain(|slug| !back.contains(slug));
            back.extend(page);
        }
        back.reverse();
        assert_eq!(back, all, "{first}");
        let first_page = document["links"]["first"].as_str().unwrap().strip_prefix(&base).unwrap();
        assert_eq!(slugs(&admin.get(first_page).await.1)[0], all[0]);
    }
    let (_, document) = admin.get("/tenants?page[limit]=2&page[count]=true").await;
    assert_eq!(document["meta"], json!({ "page": { "total": 4 } }));
    let id = document["data"][1]["id"].as_str().unwrap();
    let next = document["links"]["next"].as_str().unwrap().strip_prefix(&base).unwrap().to_owned();
    let request =
        admin.anonymous(reqwest::Method::DELETE, &format!("/tenants/{id}")).bearer_auth(&admin.token);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(slugs(&admin.get(&next).await.1), ["mill", "yard"]);
    let (_, document) = admin.get("/tenants?page[count]=true").await;
    assert_eq!((&document["meta"]["page"]["total"], slugs(&document).len()), (&json!(3), 3));
    assert!(document["links"].get("next").is_none());
    assert_eq!(slugs(&admin.get("/tenants?page[offset]=9&page[limit]=1").await.1), [""; 0]);
}

/// Resources have the attributes that were asked for, and always a number and a type.
#[tokio::test]
async fn fields_are_chosen() {
    let admin = Administrator::start().await;
    let (_, document) = admin.get("/tenants?fields[tenant]=name,slug").await;
    let tenant = &document["data"][0];
    assert_eq!(tenant["attributes"], json!({ "name": "plant-one", "slug": "plant-one" }));
    let path = format!("/tenants/{}?fields[tenant]=", tenant["id"].as_str().unwrap());
    let (status, document) = admin.get(&path).await;
    assert_eq!((status, &document["data"]["attributes"]), (200, &json!({})));
    assert_eq!(document["data"]["type"], "tenant");
}

/// Parameters that mean nothing are refused by name, all of them at once, rather than ignored.
#[tokio::test]
async fn bad_parameters_are_named() {
    let admin = Administrator::start().await;
    for (query, named) in [
        ("filter[colour]=red", &["filter[colour]"][..]),
        ("filter[private_key]=x", &["filter[private_key]"]),
        ("filter=x", &["filter"]),
        ("filter[name][like]=x", &["filter[name][like]"]),
        ("filter[name][in]=x", &["filter[name][in]"]),
        ("filter[name][eq][x]=x", &["filter[name][eq][x]"]),
        ("sort=colour", &["sort"]),
        ("sort=", &["sort"]),
        ("sort=name,", &["sort"]),
        ("sort[name]=asc", &["sort[name]"]),
        ("page=1", &["page"]),
        ("page[size]=1", &["page[size]"]),
        ("page[limit]=0", &["page[limit]"]),
        ("page[limit]=-1", &["page[limit]"]),
        ("page[limit]=many", &["page[limit]"]),
        ("page[offset]=-1", &["page[offset]"]),
        ("page[count]=yes", &["page[count]"]),
        ("page[after]=nonsense", &["page[after]"]),
        ("page[before]=e30", &["page[before]"]),
        ("page[after]=eyJpZCI6MSwidmFsdWVzIjpbXX0&sort=name", &["page[after]"]),
        ("page[after]=eyJpZCI6MSwidmFsdWVzIjpbXX0&page[offset]=1", &["page"]),
        ("fields[tenant]=private_key", &["fields[tenant]"]),
        ("fields[realm]=name", &["fields[realm]"]),
        ("fields=name", &["fields"]),
        ("include=realm", &["include"]),
        ("colour=red", &["colour"]),
        ("page[limit=1", &["page[limit"]),
        (
            "include=realm&filter[x]=1&page[limit]=0&page[offset]=x",
            &["include", "filter[x]", "page[limit]", "page[offset]"],
        ),
    ] {
        let (status, document) = admin.get(&format!("/tenants?{query}")).await;
        assert_eq!(status, 400, "{query}: {document}");
        let errors = document["errors"].as_array().unwrap();
        let parameters: Vec<_> =
            errors.iter().map(|error| error["source"]["parameter"].as_str().unwrap()).collect();
        assert_eq!(parameters, named, "{query}");
        assert!(errors.iter().all(|error| error["code"] == "invalid_query"), "{document}");
    }
}
