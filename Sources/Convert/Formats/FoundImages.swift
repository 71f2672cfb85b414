import OCI

/// Images that a file names without saying where they go.
struct FoundImages {
    private struct Image: Hashable {
        let reference: ImageReference
        let platforms: [String]
    }

    private(set) var notes: [String] = []
    private var images: [(image: Image, places: [String])] = []

    /// Notes an image, or that the text is none; the same one again adds its place to the first.
    mutating func add(_ text: String, platforms: [String] = [], place: String?) {
        let words = text.split(whereSeparator: \.isWhitespace)
        let trimmed = words.count == 1 ? String(words[0]) : text
        do throws(ReferenceError) {
            let image = Image(reference: try ImageReference(trimmed), platforms: platforms)
            if let index = images.firstIndex(where: { $0.image == image }) {
                if let place, !images[index].places.contains(place) { images[index].places.append(place) }
            } else {
                images.append((image, place.map { [$0] } ?? []))
            }
        } catch {
            note("not converted: \(error)\(place.map { ", in \($0.displayedWithoutSecrets)" } ?? "")")
        }
    }

    mutating func note(_ text: String) {
        if !notes.contains(text) { notes.append(text) }
    }

    /// The images as entries below a prefix.
    func mirror(below places: TargetPlaces, _ naming: TargetPlaces.Naming = .path) -> Mirror {
        var mirror = Mirror()
        let targets = places.targets(of: images.map(\.image.reference.location), naming)
        for (image, origins) in images {
            let reference = image.reference
            guard let target = targets[reference.location] else {
                mirror.note("not converted: \(reference): no name for it below \(places.prefix)")
                continue
            }
            guard let tag = reference.tag ?? (reference.digest == nil ? try? TagName("latest") : nil) else {
                mirror.note("not converted: \(reference): a digest without a tag; name the tag that it belongs to")
                continue
            }
            var comments = origins.isEmpty ? [] : ["in \(Self.list(origins))"]
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
