import Sync
import Testing
import YAML

/// A document and the one problem that it has.
struct ProblemCase: CustomTestStringConvertible, Sendable {
    let yaml: String
    let expected: String

    init(_ yaml: String, _ expected: String) {
        self.yaml = yaml
        self.expected = expected
    }

    /// An otherwise right document with an entry that ends in these lines.
    static func entry(_ lines: String, _ expected: String) -> ProblemCase {
        let prefix = "sync:\n  entries:\n    - source: a.io/b\n      target: c.io/d\n      "
        return ProblemCase(prefix + lines.split(separator: "\n").joined(separator: "\n      "), expected)
    }

    /// An otherwise right document that ends in these lines.
    static func top(_ lines: String, _ expected: String) -> ProblemCase {
        ProblemCase("sync: { entries: [{ source: a.io/b, target: c.io/d, tag: t }] }\n" + lines, expected)
    }

    var testDescription: String { expected }
}

@Suite(.timeLimit(.minutes(10)))
struct ConfigurationProblemTests {
    static let documents: [ProblemCase] = [
        .init("", "1:1: the document is empty; expected a mapping with the key 'sync'"),
        .init("# only a comment\n", "1:1: the document is empty; expected a mapping with the key 'sync'"),
        .init("- a\n- b\n", "1:1: must be a mapping with keys such as 'sync', not a list"),
        .init("\nhello", "2:1: must be a mapping with keys such as 'sync', not 'hello'"),
        .init("cache: {}", "1:1: the key 'sync' is missing; it holds the entries to mirror"),
        .init("sync:\n", "1:1: the key 'sync' is missing; it holds the entries to mirror"),
        .init("sync: []", "1:7: sync: must be a mapping with keys such as 'entries', not a list"),
        .init("sync: {}", "1:7: sync: the key 'entries' is missing; it lists what to mirror"),
        .init("sync:\n  entries: []", "2:12: sync.entries: must list at least one entry"),
        .init("sync:\n  entries: x", "2:12: sync.entries: must be a list, such as '- source: …', not 'x'"),
        .init(
            "sync:\n  entries:\n    - x",
            "3:7: sync.entries[0]: must be a mapping with keys such as 'source', not 'x'"
        ),
        .init("a: [", "2:1: not valid YAML: did not find expected node content; close what was opened with [ or {"),
        .init(
            "a: b: c",
            "1:5: not valid YAML: mapping values are not allowed in this context; quote a value that has ': ' in it, and indent like keys alike"
        ),
        .init(
            "a:\n\t- b",
            "2:1: not valid YAML: found character that cannot start any token; indent with blanks, not tabs, and quote a value that begins with @, ` or %"
        ),
        .init("a: *x", "1:4: not valid YAML: found undefined alias; quote a value that begins with '*'"),
        .init(
            "a: 1\n--- \nb: 2",
            "2:1: not valid YAML: but found another document; a file holds one document: remove '---'"
        ),
        .init("a: 1\nb: \u{1}", "2:4: not valid YAML: control characters are not allowed; remove them"),
    ]

    static let entries: [ProblemCase] = [
        .entry(
            "keep_last: 1",
            "3:7: sync.entries[0]: one of the keys 'tag' and 'tag_regex' is missing; they say which tags to mirror"
        ),
        .entry(
            "tag: a\ntag_regex: b",
            "6:18: sync.entries[0].tag_regex: must not stand beside 'tag'; keep one of the two"
        ),
        .entry(
            "tag: a b",
            "5:12: sync.entries[0].tag: must be a tag, not 'a b': only letters, digits, '.', '_' and '-' are allowed"
        ),
        .entry("tag: [a]", "5:12: sync.entries[0].tag: must be a string, not a list"),
        .entry(
            "tag_regex: ''",
            "5:18: sync.entries[0].tag_regex: must not be empty; write a value, or leave the key out"
        ),
        .entry(
            "tag_regex: '(a'",
            "5:18: sync.entries[0].tag_regex: must be a regular expression that RE2 compiles: missing ): (a"
        ),
        .entry(
            "tag_regex: 'a(?=b)'",
            "5:18: sync.entries[0].tag_regex: must be a regular expression that RE2 compiles: invalid perl operator: (?=; RE2 does not look ahead or behind: leave tags out with 'tag_exclude'"
        ),
        .entry(
            "tag_regex: '\(String(repeating: "a", count: 1025))'",
            "5:18: sync.entries[0].tag_regex: must be a regular expression that RE2 compiles: it is longer than 1024 bytes"
        ),
        .entry(
            "tag_regex: a\ntag_exclude: '['",
            "6:20: sync.entries[0].tag_exclude: must be a regular expression that RE2 compiles: missing ]: ["
        ),
        .entry(
            "tag_regex: |\n  ^1$\nkeep_last: 1",
            "5:18: sync.entries[0].tag_regex: must not end with a line feed: begin the block with '|-' or '>-'"
        ),
        .entry(
            "tag_regex: a\ntag_exclude: >\n  -rc\nkeep_last: 1",
            "6:20: sync.entries[0].tag_exclude: must not end with a line feed: begin the block with '|-' or '>-'"
        ),
        .entry(
            "tag_regex: |\n  ^1$\n  ^2$\nkeep_last: 1",
            #"5:18: sync.entries[0].tag_regex: must be one line, without a line feed, not '^1$\u{a}^2$\u{a}'"#
        ),
        .entry(
            "tag: a\nkeep_last: 0",
            "6:18: sync.entries[0].keep_last: must be a whole number of at least 1, not '0'"
        ),
        .entry(
            "tag: a\nkeep_last: 1.0",
            "6:18: sync.entries[0].keep_last: must be a whole number of at least 1, not '1.0'"
        ),
        .entry(
            "tag: a\nkeep_last: -1",
            "6:18: sync.entries[0].keep_last: must be a whole number of at least 1, not '-1'"
        ),
        .entry(
            "tag: a\nkeep_last: 99999999999999999999",
            "6:18: sync.entries[0].keep_last: must be a whole number of at most 9223372036854775807, not '99999999999999999999'"
        ),
        .entry("tag: a\nos_normalize: maybe", "6:21: sync.entries[0].os_normalize: must be true or false, not 'maybe'"),
        .entry("tag: a\ncheck_digest: 1", "6:21: sync.entries[0].check_digest: must be true or false, not '1'"),
        .entry("tag: a\nreferrers: {}", "6:18: sync.entries[0].referrers: must be true or false, not a mapping"),
        .entry(
            "tag: a\nplatforms: linux/amd64",
            "6:18: sync.entries[0].platforms: must be a list, such as [linux/amd64], not 'linux/amd64'"
        ),
        .entry(
            "tag: a\nplatforms:\n  - linux",
            "7:11: sync.entries[0].platforms[0]: must be a platform, not 'linux': expected os/architecture or os/architecture/variant"
        ),
        .entry("tag: a\nkeep-last: 3", "6:7: sync.entries[0].keep-last: unknown key; did you mean 'keep_last'?"),
        .entry("tag: a\ntagRegex: 3", "6:7: sync.entries[0].tagRegex: unknown key; did you mean 'tag_regex'?"),
        .entry(
            "tag: a\nlifecycle: {track: minor}",
            "6:18: sync.entries[0].lifecycle: the key 'product' is missing; it is a name at endoflife.date, such as alpine-linux"
        ),
        .entry(
            "tag: a\nlifecycle: {product: x}",
            "6:18: sync.entries[0].lifecycle: the key 'track' is missing; it is 'minor' or 'major'"
        ),
        .entry(
            "tag: a\nlifecycle: {product: x, track: patch}",
            "6:38: sync.entries[0].lifecycle.track: must be 'minor' or 'major', not 'patch'"
        ),
        .entry(
            "tag: a\nlifecycle: {product: ../x, track: minor}",
            "6:28: sync.entries[0].lifecycle.product: must be a product's name at endoflife.date, such as alpine-linux, not '../x'"
        ),
        .entry(
            "tag: a\nlifecycle: {product: x, track: minor, extract: minor}",
            "6:54: sync.entries[0].lifecycle.extract: is the old name of 'track', which is there too; keep 'track'"
        ),
        .entry(
            "tag: a\nhooks: {post_sync: [{timeout: 1s}]}",
            "6:27: sync.entries[0].hooks.post_sync[0]: the key 'cmd' is missing; it is a command for /bin/sh"
        ),
        .entry(
            "tag: a\nhooks: {pre_sync: []}",
            "6:15: sync.entries[0].hooks.pre_sync: unknown key; did you mean 'post_sync'?"
        ),
        .entry(
            "tag: a\nhooks: {post_sync: [{cmd: x, timeout: 60}]}",
            "6:45: sync.entries[0].hooks.post_sync[0].timeout: must be a duration of more than zero with its unit, such as 30s or 1m30s, not '60'"
        ),
        .entry(
            "tag: a\nhooks: {post_sync: [{cmd: x, timeout: 0s}]}",
            "6:45: sync.entries[0].hooks.post_sync[0].timeout: must be a duration of more than zero with its unit, such as 30s or 1m30s, not '0s'"
        ),
        .entry(
            "tag: a\nhooks: {post_sync: [{cmd: x, timeout: 2562048h}]}",
            "6:45: sync.entries[0].hooks.post_sync[0].timeout: must be a duration of at most 2562047h, not '2562048h'"
        ),
        .entry(
            "tag: a\nhooks: {post_sync: [{cmd: \"\\0\"}]}",
            "6:33: sync.entries[0].hooks.post_sync[0].cmd: must not contain a NUL character; remove it"
        ),
        .entry(
            "tag: a\nhooks: {post_sync: [{cmd: x, continue_on_error: 2}]}",
            "6:55: sync.entries[0].hooks.post_sync[0].continue_on_error: must be true or false, not '2'"
        ),
        .entry("tag: a\n? [x]\n: y", "6:9: sync.entries[0]: a key must be a string, not a list"),
        .entry(
            "tag: a\n<<: base",
            "6:11: sync.entries[0].<<: takes the keys of a mapping, as in '<<: *base'; this is a text"
        ),
        .entry(
            "tag: a\n<<: [{ check_digest: true }, 3]",
            "6:36: sync.entries[0].<<: takes the keys of a mapping, as in '<<: *base'; this is a text"
        ),
        .entry(
            "tag: a\ntag: b",
            "6:7: sync.entries[0].tag: stands here a second time; it is on line 5 already: remove one of the two"
        ),
        .entry(
            "tag: a\n'tag': b",
            "6:7: sync.entries[0].tag: stands here a second time; it is on line 5 already: remove one of the two"
        ),
    ]

    static let references: [ProblemCase] = [
        .init(
            "sync: {entries: [{target: c.io/d, tag: t}]}",
            "1:18: sync.entries[0]: the key 'source' is missing; it is a repository such as docker.io/library/alpine"
        ),
        .init(
            "sync: {entries: [{source: c.io/d, tag: t}]}",
            "1:18: sync.entries[0]: the key 'target' is missing; it is a repository of your own registry"
        ),
        .init(
            "sync: {entries: [{source: alpine:3.20, target: c.io/d, tag: t}]}",
            "1:27: sync.entries[0].source: must be a repository without tag, not 'alpine:3.20'; write 'tag: 3.20' in the entry instead"
        ),
        .init(
            "sync: {entries: [{source: b, target: 'c.io/d@sha256:\(String(repeating: "0", count: 64))', tag: t}]}",
            "1:38: sync.entries[0].target: must be a repository without digest, not 'c.io/d@sha256:\(String(repeating: "0", count: 64))'; choose what to mirror with 'tag'"
        ),
        .init(
            "sync: {entries: [{source: a.io/B, target: c.io/d, tag: t}]}",
            "1:27: sync.entries[0].source: must be a repository such as docker.io/library/alpine, not 'a.io/B': upper-case letters are not allowed"
        ),
        .init(
            "sync: {entries: [{source: 'https://u:secret@a.io/b', target: c.io/d, tag: t}]}",
            "1:27: sync.entries[0].source: must be a repository such as docker.io/library/alpine, not 'https://***@a.io/b': write it without a scheme such as https://"
        ),
        .init(
            "sync: {entries: [{source: alpine, target: docker.io/library/alpine, tag: t}]}",
            "1:43: sync.entries[0].target: must not be the source itself, 'docker.io/library/alpine'; name a repository of your own registry"
        ),
        .init(
            "sync:\n  entries:\n  - {source: a.io/b, target: c.io/d, tag: t}\n  - {source: a.io/c, target: c.io/d, tag: t}",
            "4:5: sync.entries[1]: writes c.io/d:t, which sync.entries[0] on line 3 writes already; give one of them another target"
        ),
        .init(
            "sync:\n  entries:\n  - {source: a.io/b, target: c.io/d, tag: t}\n  - {source: a.io/c, target: c.io:443/d, tag: t}",
            "4:5: sync.entries[1]: writes c.io:443/d:t, which sync.entries[0] on line 3 writes already; give one of them another target"
        ),
        .init(
            "sync: {entries: [{source: a.io/b, target: a.io:443/b, tag: t}]}",
            "1:43: sync.entries[0].target: must not be the source itself, 'a.io/b'; name a repository of your own registry"
        ),
    ]

    /// What people write who come from other tools, or mean something else.
    static let meant: [ProblemCase] =
        [
            .entry(
                #"tag_regex: "^3\.\d""#,
                #"5:21: not valid YAML: found unknown escape character; between double quotes a backslash begins an escape: write the value in single quotes, such as '^3\.\d'"#
            ),
            .init(
                "sync: {entries: [{source: a.io/b, target: c.io/d:stable, tag: t}]}",
                "1:43: sync.entries[0].target: must be a repository without tag, not 'c.io/d:stable'; leave ':stable' out, tags keep the names that they have at the source"
            ),
            .entry(
                "tag: a\ninsecure: true",
                "6:7: sync.entries[0].insecure: unknown key; whether a host speaks plain HTTP is 'plain_http: true' below registries.<host>"
            ),
            .entry(
                "tag: a\nregex: b",
                "6:7: sync.entries[0].regex: unknown key; a regular expression for tags is 'tag_regex'"
            ),
            .entry(
                "tag: a\ndigest: b",
                "6:7: sync.entries[0].digest: unknown key; a digest cannot be mirrored without its tag; write the tag as 'tag'"
            ),
            .entry("tag: 'a", "5:14: not valid YAML: found unexpected end of stream; close the quotes"),
            .top(
                "registries: {a.io: {insecure: true}}",
                "2:21: registries.a.io.insecure: unknown key; a host that speaks plain HTTP has 'plain_http: true'; one with a certificate of its own 'ca_file'"
            ),
        ]
        + ["username", "user", "password", "pass", "token", "auth"].map { key in
            .top(
                "registries: {a.io: {\(key): x}}",
                "2:21: registries.a.io.\(key): unknown key; credentials are no part of this file: set IMGLIFE_<HOST>_USERNAME and IMGLIFE_<HOST>_PASSWORD or _TOKEN, or log in with docker or podman"
            )
        }

    static let sections: [ProblemCase] = [
        .top("snyc: {}", "2:1: snyc: unknown key; did you mean 'sync'?"),
        .top(
            "entries: []",
            "2:1: entries: unknown key; the keys here are sync, cache, registries, registry, lifecycle, build, retention, status"
        ),
        .top("cache: {path: ''}", "2:15: cache.path: must not be empty; write a value, or leave the key out"),
        .top(
            "cache:\n  path: |\n    cache\n  max_size: 1GiB",
            "3:9: cache.path: must not end with a line feed: begin the block with '|-' or '>-'"
        ),
        .top(
            "cache: {max_size: 5 apples}",
            "2:19: cache.max_size: must be a size of at least one byte, such as 50GiB or 500MB, not '5 apples'"
        ),
        .top(
            "cache: {max_size: 0}",
            "2:19: cache.max_size: must be a size of at least one byte, such as 50GiB or 500MB, not '0'"
        ),
        .top("cache: {max_size: 8Ei}", "2:19: cache.max_size: must be a size of less than 8EiB, not '8Ei'"),
        .top("cache: {min_free: 8192PiB}", "2:19: cache.min_free: must be a size of less than 8EiB, not '8192PiB'"),
        .top(
            "cache: {min_free: lots}",
            "2:19: cache.min_free: must be a size of at least one byte, such as 50GiB or 500MB, not 'lots'"
        ),
        .top(
            "cache:\n  max_size: 5GiB\n  min_free: -1GiB",
            "4:13: cache.min_free: must be a size of at least one byte, such as 50GiB or 500MB, not '-1GiB'"
        ),
        .top("cache: {min_free: [1GiB]}", "2:19: cache.min_free: must be a string, not a list"),
        .top("cache: {dir: x}", "2:9: cache.dir: unknown key; the keys here are path, max_size, min_free"),
        .top("registries: []", "2:13: registries: must be a mapping, not a list"),
        .top(
            "registries: {a_b: {}}",
            "2:14: registries.a_b: must be a host[:port], not 'a_b': expected a host name or address, with an optional :port"
        ),
        .top(
            "registries: {'a.io:443': {}, a.io: {}}",
            "2:30: registries.a.io: means a.io, which line 2 configures already; put both under one name"
        ),
        .top(
            "registries: {docker.io: {}, index.docker.io: {}}",
            "2:29: registries.index.docker.io: means docker.io, which line 2 configures already; put both under one name"
        ),
        .top(
            "registries: {a.io: {endpoint: a.io}}",
            "2:31: registries.a.io.endpoint: must start with http:// or https://, not 'a.io'"
        ),
        .top(
            "registries: {a.io: {endpoint: 'https://u:secret@a.io'}}",
            "2:31: registries.a.io.endpoint: must not carry credentials; set IMGLIFE_<HOST>_USERNAME and _PASSWORD instead"
        ),
        .top(
            "registries: {a.io: {endpoint: 'https://a.io/?q'}}",
            "2:31: registries.a.io.endpoint: must be a base URL: host and path, without query or fragment, not 'https://a.io/?q'"
        ),
        .top(
            "registries: {a.io: {endpoint: 'https://'}}",
            "2:31: registries.a.io.endpoint: must name a host, with an optional :port: it is empty, not 'https://'"
        ),
        .top(
            "registries: {a.io: {endpoint: 'https://a.io/v2/'}}",
            "2:31: registries.a.io.endpoint: must not end with '/v2', which is added to it: leave that out, not 'https://a.io/v2/'"
        ),
        .top(
            "registries: {a.io: {hub_api: https://a.io/x/v2}}",
            "2:30: registries.a.io.hub_api: must not end with '/v2', which is added to it: leave that out, not 'https://a.io/x/v2'"
        ),
        .top(
            "lifecycle: {eol_url: https://endoflife.date/api}",
            "2:22: lifecycle.eol_url: must not end with '/api', which is added to it: leave that out, not 'https://endoflife.date/api'"
        ),
        .top(
            "registries: {a.io: {endpoint: https://a.io, plain_http: true}}",
            "2:57: registries.a.io.plain_http: contradicts the endpoint https://a.io; keep one of the two"
        ),
        .top(
            "registries: {a.io: {max_connections: 0}}",
            "2:38: registries.a.io.max_connections: must be a whole number of at least 1, not '0'"
        ),
        .top(
            "registries: {a.io: {max_connections: 9223372036854775807}}",
            "2:38: registries.a.io.max_connections: must be a whole number of at most 10000, not '9223372036854775807'"
        ),
        .top(
            "registries: {a.io: {mirrors: [a.io]}}",
            "2:31: registries.a.io.mirrors[0]: must not be the host that it mirrors; leave it out"
        ),
        .top(
            "registries: {a.io: {mirrors: [b.io/x]}}",
            "2:31: registries.a.io.mirrors[0]: must be a host[:port], not 'b.io/x': write it without scheme and path"
        ),
        .top(
            "registries: {a.io: {plainHttp: true}}",
            "2:21: registries.a.io.plainHttp: unknown key; did you mean 'plain_http'?"
        ),
        .top(
            "registry: {insecure_registries: a.io}",
            "2:33: registry.insecure_registries: must be a list, such as [registry.example.com:5000], not 'a.io'"
        ),
        .top(
            "registry: {insecure_registries: ['a.io:x']}",
            "2:34: registry.insecure_registries[0]: must be a host[:port], not 'a.io:x': the port must be a number from 1 to 65535"
        ),
        .top(
            "registry: {url: 'http://a b'}",
            "2:17: registry.url: must name a host, with an optional :port: expected a host name or address, with an optional :port, not 'http://a b'"
        ),
        .top(
            "lifecycle: {eol_provider: web}",
            "2:27: lifecycle.eol_provider: must be 'endoflife' or 'local', not 'web'"
        ),
        .top(
            "lifecycle: {eol_url: 'ftp://x'}",
            "2:22: lifecycle.eol_url: must start with http:// or https://, not 'ftp://x'"
        ),
        .top(
            "lifecycle: {eol_file: x}",
            "2:13: lifecycle.eol_file: unknown key; the keys here are eol_provider, eol_data_file, eol_url"
        ),
    ]

    @Test(
        "A problem is told in one line, with its place and what would be right",
        arguments: documents + entries + references + meant + sections
    )
    func problem(_ row: ProblemCase) {
        #expect(Self.problems(row.yaml) == ["imglife.yaml:\(row.expected)"])
    }

    @Test(
        "A target without a registry gets a warning, one of Docker Hub by its name does not",
        arguments: [
            ("mirrors/alpine", true), ("alpine", true), ("docker.io/mirrors/alpine", false), ("c.io/alpine", false),
            ("localhost/alpine", false), ("c:5000/alpine", false),
        ]
    )
    func targetWithoutRegistry(target: String, isWarned: Bool) throws {
        let yaml = "sync: {entries: [{source: a.io/b, target: '\(target)', tag: t}]}"
        let warnings = try Configuration(yaml: yaml, file: "imglife.yaml").warnings.map(\.description)
        let name = target.contains("/") ? target : "library/\(target)"
        let text =
            "imglife.yaml:1:43: sync.entries[0].target: names no registry, so it means docker.io/\(name); write the "
            + "registry's host in front of it"
        #expect(warnings == (isWarned ? [text] : []))
    }

    @Test("Every problem of a file is told in one run, in the file's order")
    func allProblems() {
        let yaml = """
            snyc: 1
            sync:
              platforms: [linux]
              entries:
                - source: alpine:3
                  target: c.io/d
                  tag: x
                  tag: y
                  keep_last: 0
                - source: a.io/b
                  target: c.io/d
                  tag_regex: '['
            cache: { max_size: lots }
            """
        #expect(
            Self.problems(yaml).map { String($0.split(separator: " ")[0]) } == [
                "imglife.yaml:1:1:", "imglife.yaml:3:15:", "imglife.yaml:5:15:", "imglife.yaml:8:7:",
                "imglife.yaml:9:18:",
                "imglife.yaml:12:18:", "imglife.yaml:13:20:",
            ]
        )
    }

    @Test("Of two equal keys the path is as it stands in the text, also of hosts that are addresses")
    func duplicateKeys() {
        let yaml = """
            sync:
              entries: [{source: a.io/b, target: c.io/d, tag: a, tag: b}]
              entries: [{source: a.io/b, target: c.io/d, tag: t}]
            registries:
              127.0.0.1:5000: {}
              127.0.0.1:5000: {}
              quay.io: {max_connections: 0}
            """
        #expect(
            Self.problems(yaml).map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
                "imglife.yaml:2:54: sync.entries[0].tag:", "imglife.yaml:3:3: sync.entries:",
                "imglife.yaml:6:3: registries.127.0.0.1:5000:",
                "imglife.yaml:7:30: registries.quay.io.max_connections:",
            ]
        )
    }

    @Test("Control characters of a file never reach a message")
    func displaySafe() {
        let yaml = "sync: {entries: [{source: \"\\e[31m\", target: \"\\u202e\", tag: \"\\a\", \"\\n\": 1}]}"
        let text = Self.problems(yaml).joined()
        #expect(!text.isEmpty)
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202E })
    }

    @Test(
        "A password in a key reaches no message",
        arguments: ["user:s3cr3t@a.io:5000", "https://user:s3cr3t@a.io", "user:s3cr3t@a.io: {}\n  user:s3cr3t@a.io"]
    )
    func passwordInKey(_ key: String) {
        let problems = Self.problems(
            "registries:\n  \(key): {plain_http: maybe, usrname: x}\nsync: {entries: [{source: a.io/b, target: c.io/d, tag: t}]}"
        )
        #expect(problems.count >= 3)
        #expect(problems.allSatisfy { !$0.contains("s3cr3t") && $0.contains(" registries.") }, "\(problems)")
    }

    @Test("Each repetition of a key is told at its own place, with the place of the first")
    func thirdCopy() {
        let problems = Self.problems("sync: {entries: [{source: a.io/b, target: c.io/d,\ntag: a,\ntag: b,\ntag: c}]}")
        let told = ": sync.entries[0].tag: stands here a second time; it is on line 2 already: remove one of the two"
        #expect(problems == ["imglife.yaml:3:1\(told)", "imglife.yaml:4:1\(told)"])
    }

    @Test("Many different repeated keys are all told, up to a bound")
    func manyDuplicates() {
        let keys = ["ab", "cd", "ef"]
        let yaml = "build: {}\n" + (keys + keys).map { "\($0): 1\n" }.joined()
        #expect(Self.problems(yaml).count { $0.contains("a second time") } == 3)
        let many = (0..<100).map { "key\($0): 1\n" }.joined()
        #expect(!Self.problems(many + many).isEmpty)
    }

    static func problems(_ yaml: String) -> [String] {
        do throws(ConfigurationError) {
            _ = try Configuration(yaml: yaml, file: "imglife.yaml")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }
}
