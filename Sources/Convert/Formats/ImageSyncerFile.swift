import OCI
import Sync

/// image-syncer's files: rules (`source: destination`), registries' access, or both below `images` and `auth`.
enum ImageSyncerFile {
    static func looksLikeOne(_ document: ForeignValue) -> Bool {
        if document["images"]?.pairs != nil, document["auth"]?.pairs != nil { return true }
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
            return isTarget && (try? ImageReference(source(pair.key).repository)) != nil
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
        for pair in value?.pairs ?? [] {
            let destinations = pair.value.texts.filter { !$0.isEmpty }
            if pair.value.pairs != nil {
                mirror.note("not converted: \(Section.shown(pair.key, pair.value)): its destination is no image")
            } else if destinations.isEmpty {
                addRule(pair.key, to: nil, below: places, &mirror)
                if let comment = places.comment, !mirror.comments.contains(comment) { mirror.comments.append(comment) }
            }
            for destination in destinations { addRule(pair.key, to: destination, below: places, &mirror) }
        }
    }

    private static func addRule(
        _ rule: String,
        to destination: String?,
        below places: TargetPlaces,
        _ mirror: inout Mirror
    ) {
        let words = "\(rule.displayedWithoutSecrets) -> \(destination?.displayedWithoutSecrets ?? "")"
        let (repository, selection) = source(rule)
        // A '$' among the tags is an expression's.
        guard !repository.holdsVariable, destination?.holdsVariable != true else {
            return mirror.note("not converted: \(words): \(String.variableAdvice)")
        }
        do throws(ReferenceError) {
            let from = try ImageReference(repository)
            let to = try destination.map { text throws(ReferenceError) in try ImageReference(text) }
            guard from.digest == nil, to?.digest == nil else {
                return mirror.note("not converted: \(words): only tags can be entries")
            }
            let target = to?.location ?? places.targets(of: [from.location], .last)[from.location]
            guard let target else { return mirror.note("not converted: \(words): it has no target") }
            for selection in try selections(selection, of: from) {
                if let name = to?.tag, selection != .tag(name) {
                    mirror.note("not converted: \(words): the tag cannot have another name at the target")
                } else {
                    mirror.add(MirrorEntry(source: from.location, target: target, selection: selection))
                }
            }
        } catch {
            mirror.note("not converted: \(words): \(error)")
        }
    }

    /// `host/name:tags` without its tags, and the tags: several between commas, or an expression between slashes.
    private static func source(_ rule: String) -> (repository: String, tags: String?) {
        if let start = rule.firstRange(of: ":/"), rule.hasSuffix("/"),
            rule.distance(from: start.upperBound, to: rule.endIndex) > 1
        {
            return (String(rule[..<start.lowerBound]), String(rule[rule.index(after: start.lowerBound)...]))
        }
        guard rule.contains(","), let colon = rule.lastIndex(of: ":") else { return (rule, nil) }
        return (String(rule[..<colon]), String(rule[rule.index(after: colon)...]))
    }

    private static func selections(
        _ tags: String?,
        of image: ImageReference
    ) throws(ReferenceError) -> [MirrorEntry.Selection] {
        guard let tags else {
            return [image.tag.map(MirrorEntry.Selection.tag) ?? .pattern(TagExpression.everything, excluding: nil)]
        }
        if tags.hasPrefix("/"), tags.hasSuffix("/") {
            return [.pattern(String(tags.dropFirst().dropLast()), excluding: nil)]
        }
        var selections: [MirrorEntry.Selection] = []
        for tag in tags.split(separator: ",") { selections.append(.tag(try TagName(tag.drop { $0 == " " }))) }
        return selections
    }
}

extension ForeignValue {
    var isNull: Bool {
        if case .null = self { true } else { false }
    }
}
