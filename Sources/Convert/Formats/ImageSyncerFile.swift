import OCI
import Sync

/// image-syncer's files: rules (`source: destination`), registries' access, or both below `images` and `auth`.
enum ImageSyncerFile {
    static func looksLikeOne(_ document: ForeignValue) -> Bool {
        if let images = document["images"], document["auth"]?.pairs != nil && images.pairs != nil || isRules(images) {
            return true
        }
        return isRules(document) || isAccess(document)
    }

    static func read(_ document: ForeignValue, below places: TargetPlaces) -> Mirror {
        var mirror = Mirror()
        if isAccess(document) {
            readAccess(document, &mirror)
        } else if hasSections(document), var root = Section(document) {
            readAccess(root.take("auth"), &mirror)
            readRules(root.take("images"), below: places, &mirror)
            mirror.comments += root.leftovers()
        } else {
            readRules(document, below: places, &mirror)
        }
        return mirror
    }

    private static func hasSections(_ document: ForeignValue) -> Bool {
        document.pairs?.contains { pair in
            ["images", "auth"].contains(pair.key) && (pair.value.pairs != nil || pair.value.isNull)
        } == true
    }

    /// References on both sides, or an empty destination; a bare name alone could be any file's key.
    private static func isRules(_ document: ForeignValue) -> Bool {
        guard let pairs = document.pairs, pairs.contains(where: { $0.key.contains("/") || $0.key.contains(":") }) else {
            return false
        }
        return pairs.allSatisfy { pair in
            let isTarget = pair.value.texts.contains { $0.contains("/") } || pair.value.text == "" || pair.value.isNull
            return isTarget && (try? ImageReference(ImageSyncerSide.split(pair.key).repository)) != nil
        }
    }

    private static func isAccess(_ document: ForeignValue) -> Bool {
        guard let pairs = document.pairs, !pairs.isEmpty else { return false }
        return pairs.allSatisfy { pair in
            pair.value.pairs?.isEmpty == false
                && pair.value.pairs?.allSatisfy {
                    ["username", "password", "insecure", "identityToken", "registryToken"].contains($0.key)
                } == true
        }
    }

    private static func readAccess(_ value: ForeignValue?, _ mirror: inout Mirror) {
        for pair in value?.pairs ?? [] {
            let name = pair.key.prefix { $0 != "/" }
            guard var section = Section(pair.value), let host = try? RegistryHost(name) else {
                mirror.note("not converted: access to '\(pair.key.displayedWithoutSecrets)', which is no registry")
                continue
            }
            mirror.registry(host) { settings in
                let secrets = ["username", "password", "identityToken", "registryToken"].compactMap { section.take($0) }
                if !secrets.isEmpty { settings.addCredentials(for: host) }
                if section.bool("insecure") == true { settings.plainHTTP = true }
                settings.comments += section.leftovers()
            }
        }
    }

    private static func readRules(_ value: ForeignValue?, below places: TargetPlaces, _ mirror: inout Mirror) {
        let pairs = value?.pairs ?? []
        let nameless = pairs.filter { destinations(of: $0.value).contains { $0 == "" } }
        let sources = nameless.compactMap { try? ImageSyncerSide($0.key).location }
        let targets = places.targets(of: sources, .whole)
        for pair in pairs {
            for destination in destinations(of: pair.value) {
                if let destination {
                    addRule(pair, to: destination, targets, &mirror)
                } else {
                    mirror.note(
                        "not converted: \(Section.shown(pair.key, pair.value)): its destination is no image\(pair.place)"
                    )
                }
            }
        }
        if let comment = places.comment, !nameless.isEmpty { mirror.comments.append(comment) }
    }

    /// Where a rule's images go: an empty text is the place for those without any, `nil` is none at all.
    private static func destinations(of value: ForeignValue) -> [String?] {
        switch value {
        case .null: [""]
        case .scalar(let text): [text]
        case .list(let elements): elements.isEmpty ? [nil] : elements.map(\.text)
        case .mapping: [nil]
        }
    }

    private static func addRule(
        _ rule: ForeignValue.Pair,
        to destination: String,
        _ targets: [RepositoryReference: RepositoryReference],
        _ mirror: inout Mirror
    ) {
        let words = "\(rule.key.displayedWithoutSecrets) -> \(destination.displayedWithoutSecrets)"
        func note(_ reason: String) { mirror.note("not converted: \(words): \(reason)\(rule.place)") }
        guard !ImageSyncerSide.holdsVariable(rule.key), !ImageSyncerSide.holdsVariable(destination) else {
            return note(String.variableAdvice)
        }
        do throws(ReferenceError) {
            let from = try ImageSyncerSide(rule.key)
            let to = destination.isEmpty ? nil : try ImageSyncerSide(destination)
            guard !from.hasDigest, to?.hasDigest != true else {
                return note("only tags can be entries; name the tag that the digest belongs to")
            }
            guard let target = to?.location ?? targets[from.location] else { return note("it has no target") }
            let selections = from.selections ?? [.pattern(TagExpression.everything, excluding: nil)]
            // Each tag has the name at the same place of the destination's.
            let names = to?.selections ?? selections
            guard names.count == selections.count else { return note("its destination has another number of tags") }
            for (selection, name) in zip(selections, names) {
                if selection == name {
                    mirror.add(MirrorEntry(source: from.location, target: target, selection: selection))
                } else {
                    note("the tag cannot have another name at the target")
                }
            }
        } catch {
            note("\(error)")
        }
    }
}
