import OCI

/// A list of images, one a line: `docker.io/library/alpine:3.21`, with comments behind `#`.
enum ImageListFile {
    static func read(_ text: String, below places: TargetPlaces) -> Mirror {
        var images = FoundImages()
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var words = words(of: line)
            var platforms: [String] = []
            if let option = words.first, option.hasPrefix("--platform") {
                words.removeFirst()
                platforms = platform(option, &words)
            }
            guard let image = words.first else { continue }
            if words.count > 1 {
                // What it says is not told: a file that is no list may hold passwords.
                images.note("line \(number + 1): what stands behind the image was left out")
            }
            images.add(image, platforms: platforms, place: nil, line: number + 1)
        }
        return images.mirror(below: places)
    }

    /// Whether every line is an image alone or a comment, and one at least an image: a script's first words look like images.
    static func looksLikeOne(_ text: String) -> Bool {
        var count = 0
        for line in text.split(separator: "\n") {
            var words = words(of: line)
            if let option = words.first, option.hasPrefix("--platform") {
                words.removeFirst()
                _ = platform(option, &words)
            }
            guard let image = words.first else { continue }
            // A lone word is an image, `key: value` is YAML.
            guard words.count == 1, !image.hasSuffix(":"), (try? ImageReference(image)) != nil else { return false }
            count += 1
        }
        return count > 0
    }

    /// The line's words before a comment.
    private static func words(of line: Substring) -> [String] {
        var words: [String] = []
        for word in line.split(whereSeparator: { $0.isWhitespace }) {
            if word.hasPrefix("#") { break }
            words.append(String(word))
        }
        return words
    }

    /// `--platform=linux/amd64`, or the next word.
    private static func platform(_ option: String, _ words: inout [String]) -> [String] {
        let parts = option.split(separator: "=", maxSplits: 1)
        if parts.count == 2 { return parts[1].split(separator: ",").map(String.init) }
        guard !words.isEmpty else { return [] }
        return words.removeFirst().split(separator: ",").map(String.init)
    }
}
