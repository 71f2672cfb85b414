import OCI

/// Images that a file names without saying where they go.
struct FoundImages {
    private struct Image {
        let reference: ImageReference
        /// Empty for all of them.
        var platforms: [String]
        /// Where it stands first.
        let line: Int?
        var places: [String] = []
        /// ``places`` once more, to be looked up in: there may be thousands of them.
        var knownPlaces: Set<String> = []
    }

    private(set) var notes: [String] = []
    private var knownNotes: Set<String> = []
    private var images: [Image] = []
    private var positions: [ImageReference: Int] = [:]

    /// Notes an image, or that the text is none; the same one again adds its place and its platforms to the first.
    mutating func add(_ text: String, platforms: [String] = [], place: String?, line: Int? = nil) {
        let words = text.split(whereSeparator: \.isWhitespace)
        let trimmed = words.count == 1 ? String(words[0]) : text
        let shown = "'\(trimmed.displayedWithoutSecrets)'\(place.map { ", in \($0.displayedWithoutSecrets)" } ?? "")"
        let end = Self.place(line)
        guard !trimmed.holdsVariable else {
            return note("not converted: \(shown): \(String.variableAdvice)\(end)")
        }
        if let platform = platforms.first(where: { (try? PlatformPattern($0)) == nil }) {
            let fault = platform.holdsVariable ? String.variableAdvice : "is no platform"
            return note("not converted: \(shown): '\(platform.displayedWithoutSecrets)' \(fault)\(end)")
        }
        do throws(ReferenceError) {
            add(try ImageReference(trimmed), platforms: platforms, place: place, line: line)
        } catch {
            note("not converted: \(shown): \(error)\(end)")
        }
    }

    private static func place(_ line: Int?) -> String { line.map { " (line \($0))" } ?? "" }

    private mutating func add(_ reference: ImageReference, platforms: [String], place: String?, line: Int?) {
        let position = positions[reference] ?? images.count
        if position == images.count {
            positions[reference] = position
            images.append(Image(reference: reference, platforms: platforms, line: line))
        } else {
            images[position].platforms.formUnion(platforms: platforms)
        }
        if let place, images[position].knownPlaces.insert(place).inserted { images[position].places.append(place) }
    }

    mutating func note(_ text: String) {
        if knownNotes.insert(text).inserted { notes.append(text) }
    }

    /// The images as entries below a prefix.
    func mirror(below places: TargetPlaces) -> Mirror {
        var mirror = Mirror()
        let targets = places.targets(of: images.map(\.reference.location), .path)
        for image in images {
            let reference = image.reference
            guard let target = targets[reference.location] else {
                mirror.note("not converted: \(reference): no name for it below \(places.prefix)")
                continue
            }
            guard let tag = reference.tag ?? (reference.digest == nil ? try? TagName("latest") : nil) else {
                let advice = "a digest without a tag; name the tag that it belongs to"
                mirror.note("not converted: \(reference): \(advice)\(Self.place(image.line))")
                continue
            }
            var comments = image.places.isEmpty ? [] : ["in \(Self.list(image.places))"]
            if let digest = reference.digest {
                comments.append("was pinned to \(digest): the tag is followed instead of it")
            }
            mirror.add(
                MirrorEntry(
                    comments: comments,
                    source: reference.location,
                    target: target,
                    selection: .tag(tag),
                    platforms: image.platforms
                )
            )
        }
        for note in notes { mirror.note(note) }
        if let comment = places.comment, !images.isEmpty { mirror.comments.append(comment) }
        return mirror
    }

    private static func list(_ places: [String]) -> String {
        let shown = places.prefix(4).map { $0.displayedWithoutSecrets(limit: 80) }.joined(separator: ", ")
        return places.count > 4 ? "\(shown) and \(places.count - 4) more" : shown
    }
}
