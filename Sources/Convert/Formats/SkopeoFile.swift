import OCI
import Sync

/// The YAML of `skopeo sync --src yaml`: a mapping from registries to their images.
enum SkopeoFile {
    private static let keys = [
        "images", "images-by-tag-regex", "images-by-semver", "credentials", "tls-verify", "cert-dir",
    ]

    static func looksLikeOne(_ document: ForeignValue) -> Bool {
        guard let pairs = document.pairs, !pairs.isEmpty else { return false }
        return pairs.allSatisfy { pair in
            (try? RegistryHost(pair.key)) != nil
                && pair.value.pairs?.contains { keys.prefix(3).contains($0.key) } == true
        }
    }

    static func read(_ document: ForeignValue, below places: TargetPlaces, _ naming: TargetPlaces.Naming?) -> Mirror {
        var reader = Reader()
        for pair in document.pairs ?? [] { reader.readRegistry(pair.key, pair.value) }
        let targets = places.targets(of: reader.found.map(\.source), naming ?? .last)
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

        mutating func readRegistry(_ name: String, _ value: ForeignValue) {
            guard let host = try? RegistryHost(name), var section = Section(value) else {
                mirror.note("not converted: '\(name.displayedWithoutSecrets)', which is no registry")
                return
            }
            for image in section.take("images")?.pairs ?? [] { readTags(image, host) }
            for image in section.take("images-by-tag-regex")?.pairs ?? [] {
                guard let source = source(image.key, host), let pattern = image.value.text else { continue }
                found.append((source, .pattern(pattern, excluding: nil), []))
            }
            for image in section.take("images-by-semver")?.pairs ?? [] { readRange(image, host) }
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
                settings.comments += section.leftovers()
            }
        }

        private mutating func readTags(_ image: ForeignValue.Pair, _ host: RegistryHost) {
            guard let source = source(image.key, host) else { return }
            let texts = image.value.texts
            if texts.isEmpty { found.append((source, .pattern(TagExpression.everything, excluding: nil), [])) }
            for text in texts {
                if let tag = try? TagName(text) {
                    found.append((source, .tag(tag), []))
                } else {
                    mirror.note(
                        "not converted: \(source) at '\(text.displayedWithoutSecrets)': only tags can be entries"
                    )
                }
            }
        }

        private mutating func readRange(_ image: ForeignValue.Pair, _ host: RegistryHost) {
            guard let source = source(image.key, host), let text = image.value.text else { return }
            do throws(VersionRangeError) {
                let range = try VersionRange(text, .skopeo)
                found.append(
                    (source, .pattern(range.pattern, excluding: nil), ["versions \(text.displayedWithoutSecrets)"])
                )
            } catch {
                mirror.note("not converted: \(source) by '\(text.displayedWithoutSecrets)', which has \(error.reason)")
            }
        }

        private mutating func source(_ path: String, _ host: RegistryHost) -> RepositoryReference? {
            do throws(ReferenceError) {
                let isShort = host == .dockerHub && !path.contains("/")
                return RepositoryReference(
                    host: host,
                    repository: try RepositoryName(isShort ? "library/\(path)" : path)
                )
            } catch {
                mirror.note("not converted: \(error)")
                return nil
            }
        }
    }
}
