import OCI
import Sync

/// The YAML of `skopeo sync --src yaml`: a mapping from registries to their images.
enum SkopeoFile {
    private static let keys = [
        "images", "images-by-tag-regex", "images-by-semver", "credentials", "tls-verify", "cert-dir",
    ]

    static func looksLikeOne(_ document: ForeignValue) -> Bool {
        guard let pairs = document.pairs, !pairs.isEmpty else { return false }
        let named = pairs.filter { $0.value.pairs?.contains { keys.prefix(3).contains($0.key) } == true }
        return !named.isEmpty
            && pairs.allSatisfy { pair in
                (try? RegistryHost(pair.key)) != nil
                    && (pair.value.isNull || pair.value.pairs?.allSatisfy { keys.contains($0.key) } == true
                        || named.contains { $0.key == pair.key })
            }
    }

    static func read(_ document: ForeignValue, below places: TargetPlaces) -> Mirror {
        var reader = Reader()
        for pair in document.pairs ?? [] { reader.readRegistry(pair) }
        let targets = places.targets(of: reader.found.map(\.source), .last)
        var mirror = reader.mirror
        for (source, selection, comments) in reader.found {
            guard let target = targets[source] else {
                mirror.note("not converted: \(source): no name for it below \(places.prefix)")
                continue
            }
            mirror.add(MirrorEntry(comments: comments, source: source, target: target, selection: selection))
        }
        if let comment = places.comment { mirror.comments.append(comment) }
        mirror.comments.append("all platforms are copied, as by 'skopeo sync --all'; sync.platforms chooses among them")
        return mirror
    }

    private struct Reader {
        var mirror = Mirror()
        var found: [(source: RepositoryReference, selection: MirrorEntry.Selection, comments: [String])] = []

        mutating func readRegistry(_ registry: ForeignValue.Pair) {
            guard let host = try? RegistryHost(registry.key) else {
                return mirror.note(
                    "not converted: '\(registry.key.displayedWithoutSecrets)', which is no registry\(registry.place)"
                )
            }
            guard var section = Section(registry.value.isNull ? .mapping([]) : registry.value) else {
                return mirror.note("not converted: \(host), which is no mapping\(registry.place)")
            }
            let before = (found.count, mirror.items.count)
            for image in section.mapping("images") ?? [] { readTags(image, host) }
            for image in section.mapping("images-by-tag-regex") ?? [] { readExpression(image, host) }
            for image in section.mapping("images-by-semver") ?? [] { readRange(image, host) }
            if before == (found.count, mirror.items.count) {
                mirror.note("\(host): it names no images\(registry.place)")
            }
            mirror.registry(host) { settings in
                if section.take("credentials") != nil { settings.addCredentials(for: host) }
                if section.bool("tls-verify") == false {
                    settings.comments.append(
                        "'tls-verify: false': certificates are always checked; name the authority in ca_file, or set plain_http"
                    )
                }
                if let directory = section.text("cert-dir") {
                    settings.comments.append(
                        "'cert-dir: \(directory.displayedWithoutSecrets)': name its authority's file in ca_file"
                    )
                }
                settings.comments += section.leftovers(SkopeoFile.misshapen)
            }
        }

        private mutating func readTags(_ image: ForeignValue.Pair, _ host: RegistryHost) {
            guard let source = source(image, host) else { return }
            guard image.value.pairs == nil else {
                return mirror.note("not converted: \(source): its tags are no list\(image.place)")
            }
            let elements = image.value.elements ?? (image.value.isNull ? [] : [image.value])
            if elements.isEmpty { found.append((source, .pattern(TagExpression.everything, excluding: nil), [])) }
            for element in elements {
                if let tag = element.text.flatMap({ try? TagName($0) }) {
                    found.append((source, .tag(tag), []))
                } else {
                    let text = element.text.map { "'\($0.displayedWithoutSecrets)'" } ?? "what is no text"
                    mirror.note("not converted: \(source) at \(text): only tags can be entries\(image.place)")
                }
            }
        }

        private mutating func readExpression(_ image: ForeignValue.Pair, _ host: RegistryHost) {
            guard let source = source(image, host) else { return }
            guard let text = image.value.isNull ? "" : image.value.text else {
                return mirror.note("not converted: \(source): its expression is no text\(image.place)")
            }
            // An empty expression is found everywhere.
            found.append((source, .pattern(text.isEmpty ? TagExpression.everything : text, excluding: nil), []))
        }

        private mutating func readRange(_ image: ForeignValue.Pair, _ host: RegistryHost) {
            guard let source = source(image, host) else { return }
            let text = image.value.text ?? ""
            do throws(VersionRangeError) {
                let range = try VersionRange(text, .skopeo)
                found.append(
                    (source, .pattern(range.pattern, excluding: nil), ["versions \(text.displayedWithoutSecrets)"])
                )
            } catch {
                mirror.note(
                    "not converted: \(source) by '\(text.displayedWithoutSecrets)', which has \(error.reason)\(image.place)"
                )
            }
        }

        private mutating func source(_ image: ForeignValue.Pair, _ host: RegistryHost) -> RepositoryReference? {
            do throws(ReferenceError) {
                let path = image.key
                let isShort = host == .dockerHub && !path.contains("/")
                return RepositoryReference(
                    host: host,
                    repository: try RepositoryName(isShort ? "library/\(path)" : path)
                )
            } catch {
                mirror.note("not converted: \(error)\(image.place)")
                return nil
            }
        }
    }

    /// What is said of a key whose value is not what it should be.
    private static let misshapen = [
        "images": "is no mapping from repositories to lists of tags",
        "images-by-tag-regex": "is no mapping from repositories to expressions",
        "images-by-semver": "is no mapping from repositories to ranges of versions",
        "tls-verify": "is neither true nor false", "cert-dir": "is no text",
    ]
}
