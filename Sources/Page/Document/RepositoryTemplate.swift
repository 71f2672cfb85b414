/// One repository with its images.
enum RepositoryTemplate {
    static let text = """
        {{#repository}}
        <p class="above"><span>{{note}}</span> \(ListTemplate.sorting)</p>
        \(pulls)
        <p class="quiet">Own is what removing an image would free; shared is what other images need too.</p>
        <table>
        <thead><tr><th scope="col">Tags</th><th scope="col">Digest</th><th scope="col">Platforms</th>\
        <th scope="col" class="number">Own</th><th scope="col" class="number">Shared</th>\
        <th scope="col">Last used</th><th scope="col">Built</th><th scope="col">End of life</th></tr></thead>
        <tbody>
        {{#rows}}
        <tr><td class="tags lines wide" data-label="Tags"><ul>{{#tags}}<li><a class="tag" href="{{tagLink}}">{{tag}}</a> \
        <code class="pull">{{pull}}</code></li>{{/tags}}\
        {{#untagged}}<li>No tag <code class="pull">{{digestPull}}</code></li>{{/untagged}}</ul></td>\
        <td class="nowrap" data-label="Digest"><a href="{{digestLink}}"><code title="{{wholeDigest}}">{{cutDigest}}</code>\
        </a>{{#isIncomplete}} <span class="incomplete">incomplete</span>{{/isIncomplete}}</td>\
        <td data-label="Platforms"{{^platforms}} class="empty"{{/platforms}}>\
        <ul class="inline">{{#platforms}}<li class="nowrap">{{.}}</li>{{/platforms}}</ul></td>\
        <td class="number" data-label="Own">{{own}}</td><td class="number" data-label="Shared">{{shared}}</td>\
        <td class="nowrap" data-label="Last used">\
        <time datetime="{{use.machine}}" title="{{use.exact}}">{{use.age}}</time></td>\
        <td data-label="Built" class="nowrap{{^built}} empty{{/built}}">{{built}}</td>\
        <td data-label="End of life"{{^end}} class="empty"{{/end}}>\
        {{#end}}<span class="{{standing}} nowrap">{{words}}</span>{{/end}}</td></tr>
        {{/rows}}
        </tbody>
        </table>
        {{/repository}}

        """

    static let pulls = """
        <dl class="pulls">{{#pulls}}<div><dt>{{client}}</dt><dd><code class="pull">{{command}}</code></dd></div>
        {{/pulls}}</dl>
        """
}
