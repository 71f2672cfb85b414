/// The parts of the front page beside its list.
enum OverviewTemplate {
    static let empty = """
        {{#isEmpty}}
        <p>The cache is empty. There are two ways to fill it:</p>
        <p><code>imglife sync</code> mirrors what the configuration says, and keeps it here.</p>
        <p><code>imglife serve --pull-through</code> fetches images from the registries of the configuration when a \
        client pulls them from here.</p>
        {{/isEmpty}}

        """

    static let alerts = """
        {{#overview}}{{#alerts}}<p class="alert"><a class="{{alertKind}}" href="{{alertLink}}">{{text}}</a></p>
        {{/alerts}}{{/overview}}
        """

    static let text = """
        {{#overview}}
        <section aria-labelledby="figures">
        <h2 id="figures">Figures</h2>
        <dl class="strip">
        {{#figures}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>
        {{/figures}}
        </dl>
        <p class="quiet">Requests and downloads count from the server's start \
        <time datetime="{{started.machine}}" title="{{started.exact}}">{{started.age}}</time>.</p>
        </section>
        {{#hasDownloads}}
        <section aria-labelledby="running">
        <h2 id="running">Running now</h2>
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
        {{#furtherDownloads}}<p class="quiet">{{.}}</p>{{/furtherDownloads}}
        </section>
        {{/hasDownloads}}
        {{#hasRuns}}
        <section aria-labelledby="syncs">
        <h2 id="syncs">Last syncs</h2>
        {{#noRuns}}<p>None has ended since the server was started.</p>{{/noRuns}}
        {{#runs}}
        <p><time datetime="{{began.machine}}" title="{{began.exact}}">{{began.age}}</time>, for {{lasted}}: {{result}}\
        {{#failed}}, <span class="ended">{{.}}</span>{{/failed}}\
        {{#problem}} <span class="ended">{{.}}</span>{{/problem}}</p>
        <ul class="failures">{{#failures}}<li><code>{{place}}</code> {{reason}}</li>{{/failures}}\
        {{#furtherFailures}}<li class="quiet">{{.}}</li>{{/furtherFailures}}</ul>
        {{/runs}}
        </section>
        {{/hasRuns}}
        {{/overview}}

        """
}
