import Mustache

/// The page's HTML around what it tells.
///
/// No partials: they would go back to Mustache's own escaping. Nothing from outside is put in with three braces.
struct PageTemplate: Sendable {
    private let template: MustacheTemplate

    init() throws {
        MustacheContentTypes.register(HTMLText(), named: HTMLText.name)
        template = try MustacheTemplate(string: Self.text)
    }

    func render(_ view: PageView) -> String { template.render(view) }

    private static let text = """
        {{% CONTENT_TYPE: \(HTMLText.name)}}\
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{{title}}</title>
        <link rel="icon" href="\(icon)">
        <style>{{{style}}}</style>
        </head>
        <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header>
        <p class="brand"><a href="/">imglife</a></p>
        <form role="search" action="/" method="get">
        <label for="q">Search repositories and tags</label>
        <input type="search" id="q" name="q" value="{{query}}" maxlength="\(PageQuery.longestSearch)" \
        autocomplete="off" autocapitalize="none" spellcheck="false">
        <button type="submit">Search</button>
        </form>
        </header>
        <main id="content" tabindex="-1">
        <h1>{{heading}}</h1>
        \(empty)\(overview)\(listing)\(repository)\
        {{#missing}}
        <p>{{.}}</p>
        <p><a href="/">Everything in the cache</a></p>
        {{/missing}}
        {{#pages}}
        <nav aria-label="Pages">
        {{#previousPage}}<a rel="prev" href="{{.}}">← Previous</a>{{/previousPage}}
        <span>Page {{pageNumber}} of {{pageCount}}</span>
        {{#nextPage}}<a rel="next" href="{{.}}">Next →</a>{{/nextPage}}
        </nav>
        {{/pages}}
        </main>
        <footer>
        <p>What the cache holds was counted \
        <time datetime="{{counted.machine}}" title="{{counted.exact}}">{{counted.age}}</time>.</p>
        </footer>
        </body>
        </html>

        """

    private static let icon =
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
        + "%3Crect width='16' height='16' rx='3' fill='%230a55a3'/%3E"
        + "%3Cpath d='M4 5h8M4 8h8M4 11h5' stroke='%23fff' stroke-width='1.5'/%3E%3C/svg%3E"

    private static let empty = """
        {{#isEmpty}}
        <p>The cache is empty. There are two ways to fill it:</p>
        <p><code>imglife sync</code> mirrors what the configuration says, and keeps it here.</p>
        <p><code>imglife serve --pull-through</code> fetches images from the registries of the configuration when a \
        client pulls them from here.</p>
        {{/isEmpty}}
        {{#sentence}}<p>{{.}}</p>{{/sentence}}

        """

    private static let overview = """
        {{#overview}}
        <section aria-labelledby="holds">
        <h2 id="holds">In the cache</h2>
        <dl>
        {{#holdings}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>
        {{/holdings}}
        </dl>
        </section>
        <section aria-labelledby="done">
        <h2 id="done">Since the server was started \
        <time datetime="{{started.machine}}" title="{{started.exact}}">{{started.age}}</time></h2>
        <dl>
        {{#activity}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>
        {{/activity}}
        </dl>
        </section>
        <section aria-labelledby="running">
        <h2 id="running">Running now</h2>
        {{^downloads}}<p>No download is running.</p>{{/downloads}}
        {{#hasDownloads}}
        <table>
        <thead><tr><th scope="col">Download</th><th scope="col">From</th><th scope="col">Arrived</th></tr></thead>
        <tbody>
        {{#downloads}}
        <tr><td data-label="Download"><code title="{{wholeDigest}}">{{cutDigest}}</code></td>\
        <td data-label="From">{{place}}</td>\
        <td data-label="Arrived"><span><progress max="{{size}}" value="{{arrived}}" \
        aria-label="Arrived of {{cutDigest}}"></progress> <span class="nowrap">{{share}}</span></span></td></tr>
        {{/downloads}}
        </tbody>
        </table>
        {{/hasDownloads}}
        {{#furtherDownloads}}<p class="quiet">{{.}}</p>{{/furtherDownloads}}
        </section>
        {{/overview}}

        """

    private static let listing = """
        {{#listing}}
        <section aria-labelledby="repositories">
        <h2 id="repositories">Repositories</h2>
        <p>{{note}}</p>
        {{#hasGroups}}
        <p class="quiet">Own is what removing an image would free; shared is what other images need too.</p>
        <table>
        <thead><tr><th scope="col">Repository</th><th scope="col">Tags</th><th scope="col">Platforms</th>\
        <th scope="col" class="number">Own</th><th scope="col" class="number">Shared</th>\
        <th scope="col">Last used</th><th scope="col">Built</th><th scope="col">End of life</th></tr></thead>
        {{/hasGroups}}
        {{#groups}}
        <tbody>
        {{#rows}}
        <tr>{{#group}}<th scope="rowgroup" rowspan="{{span}}"><a href="{{link}}">{{name}}</a></th>{{/group}}\
        <td class="tags" data-label="Tags"><ul class="inline">{{#tags}}<li class="tag">{{tag}}</li>{{/tags}}\
        {{#untagged}}<li><code title="{{wholeDigest}}">{{cutDigest}}</code></li>{{/untagged}}\
        {{#furtherTags}}<li class="quiet">{{.}}</li>{{/furtherTags}}</ul></td>\
        \(facts)</tr>
        {{/rows}}
        {{#more}}<tr><td class="wide" colspan="7"><a href="{{moreLink}}">{{moreText}}</a></td></tr>{{/more}}
        </tbody>
        {{/groups}}
        {{#hasGroups}}</table>{{/hasGroups}}
        </section>
        {{/listing}}

        """

    private static let repository = """
        {{#repository}}
        <p>{{note}}</p>
        <p>Pull any of them by its tag or digest:</p>
        <p><code class="block">{{example}}</code></p>
        <table>
        <thead><tr><th scope="col">Tags</th><th scope="col">Digest</th><th scope="col">Platforms</th>\
        <th scope="col" class="number">Own</th><th scope="col" class="number">Shared</th>\
        <th scope="col">Last used</th><th scope="col">Built</th><th scope="col">End of life</th></tr></thead>
        <tbody>
        {{#rows}}
        <tr><td class="tags lines wide" data-label="Tags"><ul>{{#tags}}<li><span class="tag">{{tag}}</span> \
        <code class="pull">{{pull}}</code></li>{{/tags}}\
        {{#untagged}}<li>No tag <code class="pull">{{digestPull}}</code></li>{{/untagged}}</ul></td>\
        <td class="nowrap" data-label="Digest"><code title="{{wholeDigest}}">{{cutDigest}}</code></td>\
        \(facts)</tr>
        {{/rows}}
        </tbody>
        </table>
        {{/repository}}

        """

    private static let facts = """
        <td data-label="Platforms"{{^platforms}} class="empty"{{/platforms}}>\
        <ul class="inline">{{#platforms}}<li class="nowrap">{{.}}</li>{{/platforms}}</ul></td>\
        <td class="number" data-label="Own">{{own}}</td><td class="number" data-label="Shared">{{shared}}</td>\
        <td class="nowrap" data-label="Last used">\
        <time datetime="{{use.machine}}" title="{{use.exact}}">{{use.age}}</time></td>\
        <td data-label="Built" class="nowrap{{^built}} empty{{/built}}">{{built}}</td>\
        <td data-label="End of life"{{^end}} class="empty"{{/end}}>\
        {{#end}}<span class="{{standing}} nowrap">{{words}}</span>{{/end}}</td>
        """
}
