/// One image: what its documents say, and what of it is here.
enum ImageTemplate {
    static let text = """
        {{#image}}
        <p><a href="{{repositoryLink}}">All of {{repositoryName}}</a></p>
        {{#isIncomplete}}<p class="incomplete">Parts of it are not in the cache.</p>{{/isIncomplete}}
        <section aria-labelledby="digest">
        <h2 id="digest">Digest</h2>
        <p><code class="digest">{{imageDigest}}</code></p>
        <dl class="facts">
        {{#facts}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>
        {{/facts}}
        </dl>
        </section>
        <section aria-labelledby="pull">
        <h2 id="pull">Pull</h2>
        \(RepositoryTemplate.pulls)
        </section>
        <section aria-labelledby="platforms">
        <h2 id="platforms">{{#hasPlatforms}}Platforms{{/hasPlatforms}}{{^hasPlatforms}}Content{{/hasPlatforms}}</h2>
        {{#variants}}
        \(variant)
        {{/variants}}
        {{#furtherVariants}}<p class="quiet">{{.}}</p>{{/furtherVariants}}
        </section>
        <section aria-labelledby="referrers">
        <h2 id="referrers">Referrers</h2>
        {{#noReferrers}}<p>Nothing in the cache refers to it.</p>{{/noReferrers}}
        <ul class="parts">{{#referrers}}<li><span>{{kind}}</span> <span class="nowrap">{{referrerBytes}}</span> \
        <a href="{{referrerLink}}"><code class="digest">{{referrerDigest}}</code></a></li>
        {{/referrers}}</ul>
        {{#furtherReferrers}}<p class="quiet">{{.}}</p>{{/furtherReferrers}}
        </section>
        \(annotations)
        \(history)
        {{/image}}

        """

    /// Opened by the browser, without a script.
    private static let variant = """
        <details open><summary><strong>{{platform}}</strong> <span class="nowrap">{{variantBytes}}</span> <span>{{layerCount}}</span>\
        {{#variantIncomplete}} <span class="incomplete">incomplete</span>{{/variantIncomplete}}</summary>
        {{#variantLink}}<p><a href="{{.}}">Its own page</a> <code class="digest">{{variantDigest}}</code></p>{{/variantLink}}
        <ol class="parts">{{#layers}}<li><code class="digest">{{layerDigest}}</code> \
        <span class="nowrap">{{layerBytes}}</span> <span class="quiet">{{layerType}}</span>\
        {{#isMissing}} <span class="incomplete">not here</span>{{/isMissing}}</li>
        {{/layers}}</ol>
        {{#furtherLayers}}<p class="quiet">{{.}}</p>{{/furtherLayers}}
        {{#hasLabels}}
        <h3>Labels</h3>
        <dl class="facts">{{#labels}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>
        {{/labels}}</dl>
        {{/hasLabels}}
        </details>
        """

    private static let annotations = """
        {{#hasNotes}}
        <section aria-labelledby="annotations">
        <h2 id="annotations">Annotations</h2>
        <dl class="facts">{{#notes}}<div><dt>{{label}}</dt><dd>{{value}}</dd></div>
        {{/notes}}</dl>
        </section>
        {{/hasNotes}}
        """

    private static let history = """
        {{#hasPeriods}}
        <section aria-labelledby="history">
        <h2 id="history">What the tag stood for</h2>
        <ul class="parts">{{#periods}}<li><code class="digest">{{periodDigest}}</code> \
        <span class="quiet">from <time datetime="{{since.machine}}">{{since.exact}}</time>\
        {{#ended}} to {{.}}{{/ended}}</span></li>
        {{/periods}}</ul>
        </section>
        {{/hasPeriods}}
        """
}
