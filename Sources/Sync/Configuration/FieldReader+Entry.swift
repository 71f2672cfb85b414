import OCI

extension FieldReader {
    private static let entryKeys = [
        "source", "target", "tag", "tag_regex", "tag_exclude", "keep_last", "os_normalize", "check_digest", "platforms",
        "lifecycle", "hooks", "referrers",
    ]

    /// One of `sync.entries`; `nil` when something that it cannot do without is wrong.
    mutating func readEntry(_ field: Field, defaultPlatforms: [PlatformPattern]) -> Configuration.Entry? {
        guard let fields = mapping(field, keys: Self.entryKeys) else { return nil }
        let source = required("source", of: fields) { $0.repository($1) }
        let target = required("target", of: fields) { $0.repository($1) }
        if let source, source == target, let field = fields["target"] {
            fail(field, "must not be the source itself, '\(source.description.displaySafe)'")
        }
        let selection = readSelection(fields)
        let keepLast = count(fields["keep_last"])
        if fields["tag"] != nil, let field = fields["keep_last"] {
            warn(field, "has no effect beside a fixed tag")
        }
        let normalizesOS = bool(fields["os_normalize"]) ?? false
        let checksDigest = bool(fields["check_digest"]) ?? false
        let platforms = platforms(fields["platforms"]) ?? defaultPlatforms
        let lifecycle = fields["lifecycle"].flatMap { readTracking($0) }
        let hooks = readHooks(fields["hooks"])
        let includesReferrers = bool(fields["referrers"]) ?? false
        guard let source, let target, let selection else { return nil }
        return Configuration.Entry(
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

    private mutating func readSelection(_ fields: Fields) -> Configuration.TagSelection? {
        let tag = reference(fields["tag"], as: "a tag") { text throws(ReferenceError) in try TagName(text) }
        let exclusion = pattern(fields["tag_exclude"])
        let pattern = pattern(fields["tag_regex"], excluding: exclusion)
        switch (fields["tag"], fields["tag_regex"]) {
        case (nil, nil):
            fail(fields.mapping, "one of the keys 'tag' and 'tag_regex' is missing")
        case (.some, .some(let field)):
            fail(field, "must not stand beside 'tag'; keep one of the two")
        default:
            break
        }
        if fields["tag"] != nil, let field = fields["tag_exclude"] {
            warn(field, "has no effect beside a fixed tag")
        }
        return tag.map(Configuration.TagSelection.tag) ?? pattern.map(Configuration.TagSelection.pattern)
    }

    private mutating func pattern(_ field: Field?, excluding exclusion: TagPattern? = nil) -> TagPattern? {
        guard let text = string(field), let field else { return nil }
        do throws(PatternError) {
            return try TagPattern(text, excluding: exclusion)
        } catch {
            fail(field, error.description)
            return nil
        }
    }

    /// A repository without tag or digest.
    private mutating func repository(_ field: Field) -> RepositoryReference? {
        let image = reference(field, as: "a repository such as docker.io/library/alpine") {
            text throws(ReferenceError) in try ImageReference(text)
        }
        guard let image else { return nil }
        if image.digest != nil {
            fail(
                field,
                "must be a repository without digest, not \(field.node.shown); choose what to mirror with 'tag'"
            )
        } else if let tag = image.tag {
            fail(
                field,
                "must be a repository without tag, not \(field.node.shown); write 'tag: \(tag)' in the entry instead"
            )
        } else {
            return image.location
        }
        return nil
    }

    private mutating func readTracking(_ field: Field) -> LifecycleTracking? {
        guard let fields = mapping(field, keys: ["product", "track", "extract"]) else { return nil }
        let product = required("product", of: fields) { $0.product($1) }
        if let old = fields["extract"] {
            if fields["track"] == nil {
                warn(old, "is the old name of 'track'; write 'track'")
            } else {
                fail(old, "is the old name of 'track', which is there too; keep 'track'")
            }
        } else if fields["track"] == nil {
            fail(field, "the key 'track' is missing; it is 'minor' or 'major'")
        }
        let track = word(fields["track"] ?? fields["extract"], LifecycleTrack.self)
        guard let product, let track else { return nil }
        return LifecycleTracking(product: product, track: track)
    }

    /// A name that goes into a URL's path.
    private mutating func product(_ field: Field) -> String? {
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
