import Lifecycle
import OCI
import YAML

extension Configuration.Entry {
    private static let keys = [
        "source", "target", "tag", "tag_regex", "tag_exclude", "keep_last", "os_normalize", "check_digest", "platforms",
        "lifecycle", "hooks", "referrers",
    ]
    /// What other tools call things.
    private static let advice = [
        "insecure": "whether a host speaks plain HTTP is 'plain_http: true' below registries.<host>",
        "regex": "a regular expression for tags is 'tag_regex'",
        "digest": "a digest cannot be mirrored without its tag; write the tag as 'tag'",
        "username": RegistryOptions.credentialAdvice,
        "password": RegistryOptions.credentialAdvice,
    ]

    /// Reads one of `sync.entries`; `nil` when something that it cannot do without is wrong.
    init?(_ field: Field, _ reader: inout FieldReader, defaultPlatforms: [PlatformPattern]) {
        guard let fields = reader.mapping(field, keys: Self.keys, advice: Self.advice) else { return nil }
        let source = reader.required("source", of: fields, meaning: "a repository such as docker.io/library/alpine") {
            $0.repository($1)
        }
        let target = reader.required("target", of: fields, meaning: "a repository of your own registry") {
            $0.repository($1, isTarget: true)
        }
        if let source, source.withoutUsualPort == target?.withoutUsualPort, let field = fields["target"] {
            reader.fail(
                field,
                "must not be the source itself, '\(source.description.displaySafe)'; name a repository of your own registry"
            )
        }
        let selection = Configuration.TagSelection(fields, &reader)
        let keepLast = reader.count(fields["keep_last"])
        if fields["tag"] != nil, let field = fields["keep_last"] {
            reader.warn(field, "has no effect beside a fixed tag")
        }
        let normalizesOS = reader.bool(fields["os_normalize"]) ?? false
        let checksDigest = reader.bool(fields["check_digest"]) ?? false
        let platforms = reader.platforms(fields["platforms"]) ?? defaultPlatforms
        let lifecycle = fields["lifecycle"].flatMap { LifecycleTracking($0, &reader) }
        let hooks = Hook.byEvent(fields["hooks"], &reader)
        let includesReferrers = reader.bool(fields["referrers"]) ?? false
        guard let source, let target, let selection else { return nil }
        self.init(
            source: source,
            target: target,
            selection: selection,
            keepLast: keepLast,
            normalizesOS: normalizesOS,
            checksDigest: checksDigest,
            platforms: platforms,
            lifecycle: lifecycle,
            hooks: hooks,
            includesReferrers: includesReferrers,
            position: field.position
        )
    }
}

extension Configuration.TagSelection {
    /// Reads `tag` or `tag_regex`.
    fileprivate init?(_ fields: Fields, _ reader: inout FieldReader) {
        let tag = reader.parsed(fields["tag"], as: "a tag") { text throws(ReferenceError) in try TagName(text) }
        let exclusion = reader.pattern(fields["tag_exclude"])
        let pattern = reader.pattern(fields["tag_regex"], excluding: exclusion)
        switch (fields["tag"], fields["tag_regex"]) {
        case (nil, nil):
            reader.fail(
                fields.mapping,
                "one of the keys 'tag' and 'tag_regex' is missing; they say which tags to mirror"
            )
        case (.some, .some(let field)):
            reader.fail(field, "must not stand beside 'tag'; keep one of the two")
        default:
            break
        }
        if fields["tag"] != nil, let field = fields["tag_exclude"] {
            reader.warn(field, "has no effect beside a fixed tag")
        }
        guard let selection = tag.map(Self.tag) ?? pattern.map(Self.pattern) else { return nil }
        self = selection
    }
}

extension Hook {
    /// Reads `hooks`, of an entry or of all.
    static func byEvent(_ field: Field?, _ reader: inout FieldReader) -> [HookContext.Event: [Hook]] {
        let events = HookContext.Event.allCases
        guard let field, let fields = reader.mapping(field, keys: events.map(\.rawValue)) else { return [:] }
        var hooks: [HookContext.Event: [Hook]] = [:]
        for event in events {
            for element in reader.list(fields[event.rawValue], example: "'- cmd: …'") {
                if let hook = Hook(element, &reader) { hooks[event, default: []].append(hook) }
            }
        }
        return hooks
    }

    private init?(_ field: Field, _ reader: inout FieldReader) {
        guard let hook = reader.mapping(field, keys: ["cmd", "timeout", "continue_on_error"]) else { return nil }
        let command = reader.required("cmd", of: hook, meaning: "a command for /bin/sh") {
            $0.mentioned($1, mayHaveLines: true)
        }
        let timeout = reader.timeout(hook["timeout"]) ?? Hook.defaultTimeout
        let continues = reader.bool(hook["continue_on_error"]) ?? false
        guard let command else { return nil }
        self.init(command: command, timeout: timeout, continuesOnError: continues)
    }
}

extension LifecycleTracking {
    /// Reads `lifecycle` of an entry.
    fileprivate init?(_ field: Field, _ reader: inout FieldReader) {
        guard let fields = reader.mapping(field, keys: ["product", "track", "extract"]) else { return nil }
        let product = reader.required("product", of: fields, meaning: "a name at endoflife.date, such as alpine-linux")
        {
            $0.product($1)
        }
        if let old = fields["extract"] {
            if fields["track"] == nil {
                reader.warn(old, "is the old name of 'track'; write 'track'")
            } else {
                reader.fail(old, "is the old name of 'track', which is there too; keep 'track'")
            }
        } else if fields["track"] == nil {
            reader.fail(field, "the key 'track' is missing; it is 'minor' or 'major'")
        }
        let track = reader.word(fields["track"] ?? fields["extract"], LifecycleTrack.self)
        guard let product, let track else { return nil }
        self.init(product: product, track: track)
    }
}

extension FieldReader {
    fileprivate mutating func pattern(_ field: Field?, excluding exclusion: TagPattern? = nil) -> TagPattern? {
        guard let text = string(field), let field else { return nil }
        do throws(PatternError) {
            return try TagPattern(text, excluding: exclusion)
        } catch {
            fail(field, error.description)
            return nil
        }
    }

    /// A repository without tag or digest.
    fileprivate mutating func repository(_ field: Field, isTarget: Bool = false) -> RepositoryReference? {
        let image = parsed(field, as: "a repository such as docker.io/library/alpine") {
            text throws(ReferenceError) in try ImageReference(text)
        }
        guard let image else { return nil }
        if image.digest != nil {
            fail(
                field,
                "must be a repository without digest, not \(field.node.shown); choose what to mirror with 'tag'"
            )
        } else if let tag = image.tag {
            let advice =
                isTarget
                ? "leave ':\(tag)' out, tags keep the names that they have at the source"
                : "write 'tag: \(tag)' in the entry instead"
            fail(field, "must be a repository without tag, not \(field.node.shown); \(advice)")
        } else {
            if isTarget, image.location.host == .dockerHub { warnOfHub(field, image.location) }
            return image.location
        }
        return nil
    }

    /// Nearly nobody mirrors to Docker Hub; who leaves the registry out means another.
    private mutating func warnOfHub(_ field: Field, _ location: RepositoryReference) {
        guard case .scalar(let text, _) = field.node.content, let first = text.split(separator: "/").first,
            !first.contains("."), !first.contains(":")
        else { return }
        warn(field, "names no registry, so it means \(location); write the registry's host in front of it")
    }

    /// A name that goes into a URL's path.
    fileprivate mutating func product(_ field: Field) -> String? {
        guard let text = string(field) else { return nil }
        let isWord: (Unicode.Scalar) -> Bool = { $0.isASCII && $0.properties.isAlphabetic || $0.isASCIIDigit }
        guard let first = text.unicodeScalars.first, isWord(first), text.utf8.count <= 100,
            text.unicodeScalars.allSatisfy({ isWord($0) || "._+-".unicodeScalars.contains($0) })
        else {
            fail(field, "must be a product's name at endoflife.date, such as alpine-linux, not \(field.node.shown)")
            return nil
        }
        return text
    }
}
