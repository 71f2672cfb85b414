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
        {{#reload}}<meta http-equiv="refresh" content="{{.}}">{{/reload}}
        <title>{{title}}</title>
        <link rel="icon" href="\(icon)">
        <style>{{{style}}}</style>
        </head>
        <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header>
        <p class="brand"><a href="./">imglife</a></p>
        <form role="search" action="./" method="get">
        <label for="q">Search names, tags, digests and platforms</label>
        <input type="search" id="q" name="q" value="{{query}}" maxlength="\(PageQuery.longestSearch)" \
        autocomplete="off" autocapitalize="none" spellcheck="false">
        <button type="submit">Search</button>
        </form>
        </header>
        <main id="content" tabindex="-1">
        <h1>{{heading}}</h1>
        \(OverviewTemplate.empty)\(OverviewTemplate.alerts)\(ListTemplate.text)\(RepositoryTemplate.text)\
        \(ImageTemplate.text)\
        {{#missing}}
        <p>{{.}}</p>
        <p><a href="./">Everything in the cache</a></p>
        {{/missing}}
        {{#pages}}
        <nav aria-label="Pages">
        {{#previousPage}}<a rel="prev" href="{{.}}">← Previous</a>{{/previousPage}}
        <span>Page {{pageNumber}} of {{pageCount}}</span>
        {{#nextPage}}<a rel="next" href="{{.}}">Next →</a>{{/nextPage}}
        </nav>
        {{/pages}}
        \(OverviewTemplate.text)\
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
}
