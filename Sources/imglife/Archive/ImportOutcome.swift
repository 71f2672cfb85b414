import Archive
import Cache
import OCI

/// What became of one archive.
struct ImportOutcome {
    let file: String
    let error: CacheError?
    private(set) var report: ImportReport

    init(_ file: String, _ report: ImportReport) {
        (self.file, error, self.report) = (file, nil, report)
    }

    init(_ file: String, _ error: CacheError) {
        (self.file, self.error, report) = (file, error, ImportReport())
    }

    /// What earlier volumes waited for and later ones of the same command brought is no longer waited for.
    static func settled(_ outcomes: [ImportOutcome]) -> [ImportOutcome] {
        var later: [Digest: Set<ImageReference>] = [:]
        return outcomes.reversed().map { outcome in
            var outcome = outcome
            guard outcome.error == nil, let set = outcome.report.set else { return outcome }
            if let known = later[set] {
                outcome.report.volumes = nil
                outcome.report.images.removeWaiting(where: known.contains)
            }
            // Only what another volume of the command may have waited for is gathered.
            if outcomes.count > 1 { later[set, default: []].formUnion(outcome.report.images.lazy.map(\.reference)) }
            return outcome
        }.reversed()
    }
}

extension ImportOutcome {
    /// Gives its lines, many at a time; none for an archive that was refused.
    func forEachText<Failure: Error>(_ body: (String) throws(Failure) -> Void) throws(Failure) {
        guard error == nil else { return }
        var text = ""
        for image in report.images {
            text += ImportDocument.Image(image).text + "\n"
            guard text.utf8.count >= 1 << 16 else { continue }
            try body(text)
            text = ""
        }
        try body(text + summary)
    }

    private var summary: String {
        let blobs = report.blobs
        var summary = "\(file.displaySafe): \(blobs) new \(blobs == 1 ? "blob" : "blobs"), \(ByteCount(report.bytes))"
        if report.presentBlobs > 0 { summary += "; \(report.presentBlobs) were there already" }
        let skipped = report.skipped.count
        if skipped > 0 { summary += "; \(skipped) \(skipped == 1 ? "name" : "names") left out" }
        if !report.unusable.isEmpty { summary += "; \(unusableText)" }
        if !report.replaced.isEmpty { summary += "; \(replacedText)" }
        if !report.unnamed.isEmpty { summary += "; \(unnamedText) left out" }
        let foreign = report.foreign
        if foreign > 0 { summary += "; \(foreign) \(foreign == 1 ? "entry" : "entries") ignored, which are no images" }
        guard let volumes = report.volumes else { return summary + "\n" }
        let missing = volumes.missing.map(String.init).joined(separator: ", ")
        return summary + "\nstill missing of \(volumes.count) volumes: \(missing); import them in any order\n"
    }

    private var replacedText: String {
        let count = report.replaced.count
        let shown = report.replaced.prefix(3).map { "'\($0.name.displaySafe)' by \($0.reference)" }
        let list = shown.joined(separator: ", ") + (count > 3 ? ", …" : "")
        return "--as replaced \(count) \(count == 1 ? "name" : "names"): \(list)"
    }

    private var unusableText: String {
        let count = report.unusable.count
        let shown = report.unusable.prefix(3).map { "'\($0.displaySafe)'" }
        let list = shown.joined(separator: ", ") + (count > 3 ? ", …" : "")
        return count == 1
            ? "\(list), which refers to an image, is not whole or cannot be used and is left out"
            : "\(count) names of what refers to images are not whole or cannot be used and are left out: \(list)"
    }

    private var unnamedText: String {
        let count = report.unnamed.count
        let shown = report.unnamed.prefix(3).map(\.description).joined(separator: ", ") + (count > 3 ? ", …" : "")
        return "\(count) \(count == 1 ? "image" : "images") without a name (\(shown))"
    }
}
