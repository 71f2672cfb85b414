/// The list of repositories.
enum ListTemplate {
    static let text = """
        {{#listing}}
        <section aria-labelledby="repositories">
        <h2 id="repositories" class="skip">Repositories</h2>
        <p class="above"><span>{{note}}</span>{{#hasItems}} \(sorting){{/hasItems}}</p>
        {{#hasItems}}
        <table class="list">
        <thead><tr><th scope="col">Repository</th><th scope="col" class="number">Tags</th>\
        <th scope="col">Newest</th><th scope="col" class="number">Size</th><th scope="col">Last used</th>\
        {{#hasSyncs}}<th scope="col">Last sync</th>{{/hasSyncs}}</tr></thead>
        <tbody>
        {{/hasItems}}
        {{#items}}
        <tr><th scope="row"><a href="{{link}}">{{name}}</a>\
        {{#isIncomplete}} <span class="incomplete">incomplete</span>{{/isIncomplete}}</th>\
        <td class="number named" data-label="Tags">{{tagCount}}</td>\
        <td data-label="Newest"{{^newest}} class="empty"{{/newest}}><ul class="inline">\
        {{#newest}}<li class="tag"><a href="{{tagLink}}">{{tag}}</a></li>{{/newest}}\
        {{#furtherTags}}<li class="quiet">{{.}}</li>{{/furtherTags}}</ul></td>\
        <td class="number" data-label="Size">{{bytes}}</td>\
        <td class="nowrap named" data-label="Used">\
        <time datetime="{{use.machine}}" title="{{use.exact}}">{{use.age}}</time></td>\
        {{#hasSyncs}}<td class="nowrap named{{^sync}} empty{{/sync}}" data-label="Synced">{{#sync}}\
        <time datetime="{{when.machine}}" title="{{when.exact}}">{{when.age}}</time>\
        {{#failed}} <span class="ended">{{.}}</span>{{/failed}}{{/sync}}</td>{{/hasSyncs}}</tr>
        {{/items}}
        {{#hasItems}}
        </tbody>
        </table>
        {{/hasItems}}
        </section>
        {{/listing}}

        """

    static let sorting = """
        <span class="sort">Sort by {{#orders}}{{#orderLink}}<a href="{{.}}">{{order}}</a>{{/orderLink}}\
        {{^orderLink}}<strong>{{order}}</strong>{{/orderLink}} {{/orders}}</span>
        """
}
