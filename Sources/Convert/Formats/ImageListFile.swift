import OCI

/// A list of images, one a line: `docker.io/library/alpine:3.21`, with comments behind `#`.
enum ImageListFile {
    static func read(_ text: String, below places: TargetPlaces) -> Mirror {
        var images = FoundImages()
        for (number, line) in lines(of: text) {
            guard let image = line.words.first else { continue }
            if line.words.count > 1 {
                // What it says is not told: a file that is no list may hold passwords.
                images.note("line \(number): what stands behind the image was left out")
            }
            images.add(image, platforms: line.platforms, place: nil, line: number)
        }
        return images.mirror(below: places)
    }

    /// Whether every line is an image alone or a comment, and one at least an image.
    static func looksLikeOne(_ text: String) -> Bool {
        lines(of: text).contains { $0.line.isImage } && strangeLine(of: text) == nil
    }

    /// The number of the first line that is neither an image alone nor a comment, where others are images: a script's first
    /// words look like images too.
    static func strangeLine(of text: String) -> Int? {
        guard lines(of: text).contains(where: { $0.line.isImage }) else { return nil }
        return lines(of: text).first { !$0.line.words.isEmpty && !$0.line.isImage }?.number
    }

    private static func lines(of text: String) -> some Sequence<(number: Int, line: Line)> {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().lazy
            .map { ($0.offset + 1, Line($0.element)) }
    }

    /// A line's words before a comment, without what says for which platforms they are.
    private struct Line {
        var words: [String] = []
        var platforms: [String] = []

        init(_ line: Substring) {
            for word in line.split(whereSeparator: \.isWhitespace) {
                if word.hasPrefix("#") { break }
                words.append(String(word))
            }
            // A list of YAML's.
            if words.first == "-" { words.removeFirst() }
            takePlatforms()
            if let image = words.first { words[0] = Self.plain(image) }
        }

        /// A lone word is an image, `key: value` is YAML.
        var isImage: Bool {
            words.count == 1 && !words[0].hasSuffix(":") && (try? ImageReference(words[0])) != nil
        }

        /// `--platform=linux/amd64`, or the next word.
        private mutating func takePlatforms() {
            guard let place = words.firstIndex(where: { $0.hasPrefix("--platform") }) else { return }
            let parts = words.remove(at: place).split(separator: "=", maxSplits: 1).map(String.init)
            guard let text = parts.count == 2 ? parts[1] : words.indices.contains(place) ? words.remove(at: place) : nil
            else { return }
            platforms = text.split(separator: ",").map(String.init)
        }

        /// Without quotes, and without what skopeo and others begin an image in a registry with.
        private static func plain(_ word: String) -> String {
            var image = word[...]
            if let quote = image.first, "'\"".contains(quote), image.count > 2, image.last == quote {
                image = image.dropFirst().dropLast()
            }
            return String(image.hasPrefix("docker://") ? image.dropFirst(9) : image)
        }
    }
}
