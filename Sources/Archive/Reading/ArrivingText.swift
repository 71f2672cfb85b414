import NIOCore
import OCI

/// A text of an archive that is read as it comes, so that only what it lists is held.
protocol ArrivingText: AnyObject {
    /// Takes the next bytes.
    func take(_ bytes: ByteBuffer) throws(DocumentError)
}

extension ArchiveDocument.Reader: ArrivingText {}

/// What an `index.json` lists, whoever wrote it.
///
/// What it is refused for is told when it is asked for: where there is an `imglife.json`, that is all that counts.
final class ImportedIndex: ArrivingText {
    private var entries: LayoutEntries
    private var offer = IndexOffer()
    private var failure: ArchiveRefusal?
    private var isFinished = false

    init(limit: Int = ArchiveIndex.maximumSize) {
        entries = LayoutEntries(limit: limit)
    }

    func take(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        var refusal: ArchiveRefusal?
        do throws(DocumentError) {
            try entries.take(bytes) { entry in
                guard refusal == nil else { return }
                do throws(ArchiveRefusal) {
                    try offer.add(entry)
                } catch {
                    refusal = error
                }
            }
        } catch {
            refusal = Self.refusal(error)
        }
        failure = refusal
    }

    private static func refusal(_ error: DocumentError) -> ArchiveRefusal {
        ArchiveRefusal("index.json", "is no index that may be used: \(error)")
    }

    /// What it offers; to be asked for when all has come.
    func offered() throws(ArchiveRefusal) -> ImportOffer {
        if !isFinished, failure == nil {
            isFinished = true
            do throws(DocumentError) {
                try entries.finish()
            } catch {
                failure = Self.refusal(error)
            }
        }
        if let failure { throw failure }
        return offer.whole
    }
}

/// What a `manifest.json` of docker lists, whoever wrote it: each image as its text.
final class DockerListing: ArrivingText {
    private var splitter = ListSplitter([""])
    private var texts: FiledTexts
    private var length = 0
    private var failure: DocumentError?

    /// - Parameter makeFile: makes a file for as many bytes as a `manifest.json` may have, where there is room.
    init(in makeFile: @escaping () -> (any ScratchFile)?) {
        texts = FiledTexts(in: makeFile)
    }

    func take(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        length += bytes.readableBytes
        do throws(DocumentError) {
            guard length <= DockerManifest.maximumSize else {
                throw DocumentError(.tooLarge, "has more than \(DockerManifest.maximumSize) bytes")
            }
            try splitter.take(bytes) { (_, text) throws(DocumentError) in
                guard texts.count < DockerManifest.maximumImages else {
                    throw DocumentError(.tooLarge, "lists more than \(DockerManifest.maximumImages) images")
                }
                texts.append(text)
            }
        } catch {
            failure = error
        }
    }

    /// Whether it is a list at all; to be asked for when all has come.
    var isList: Bool {
        guard failure == nil else { return failure?.kind == .tooLarge }
        return (try? JSONValue(parsing: splitter.finish()))?.elements != nil
    }

    /// How many images it lists; to be asked for when all has come.
    func count() throws(ArchiveRefusal) -> Int {
        try refusing { () throws(DocumentError) in
            if let failure { throw failure }
            guard try JSONValue(parsing: splitter.finish()).elements != nil else {
                throw DocumentError(.structure, "is not a list")
            }
            return texts.count
        }
    }

    /// What it says of an image; parsed whenever it is asked for, because all of them would take too much.
    func item(at position: Int) throws(ArchiveRefusal) -> JSONValue {
        let text: [UInt8]
        do {
            text = try texts.text(at: position)
        } catch {
            throw ArchiveRefusal("manifest.json", "cannot be read again from the cache's disk: \(error)")
        }
        return try refusing { () throws(DocumentError) in try JSONValue(parsing: text) }
    }

    private func refusing<Result>(_ body: () throws(DocumentError) -> Result) throws(ArchiveRefusal) -> Result {
        do throws(DocumentError) {
            return try body()
        } catch {
            let isClause = ["is ", "has ", "lists "].contains { error.reason.hasPrefix($0) }
            throw ArchiveRefusal("manifest.json", isClause ? error.reason : "is \(error)")
        }
    }
}
