import OCI
import Sync
import YAML

/// Makes a configuration of imglife from files of other tools.
package struct Conversion {
    /// Who asks for it, because that is who is to be told how to ask again.
    package enum Command: Sendable {
        case convert
        case initialize
    }

    private let command: Command
    private let places: TargetPlaces
    private var mirror = Mirror()

    /// - Parameters:
    ///   - target: registry and path below which images go whose file names no target.
    ///   - isScoped: name them there by host and path, as `skopeo sync --scoped` does.
    ///   - command: who asks for it.
    /// - Throws: ``ConversionError`` for a target that is none.
    package init(
        target: String?,
        isScoped: Bool = false,
        for command: Command = .convert
    ) throws(ConversionError) {
        places = try TargetPlaces(target, isScoped: isScoped, for: command)
        self.command = command
    }

    /// Takes in a file.
    ///
    /// - Parameters:
    ///   - text: its content.
    ///   - file: its name, for messages.
    ///   - format: what it is, where it cannot be told from its content.
    /// - Throws: ``ConversionError`` when it is none of the formats, or cannot be read as what it is.
    package mutating func add(_ text: String, file: String, format: ForeignFormat?) throws(ConversionError) {
        let text = text.withPlainLines
        guard let format = format ?? ForeignFormat.recognize(text) else {
            // A slip in a file that nobody can read is told rather than that nobody knows it.
            if text.looksStructured { _ = try ForeignText(text, file: file) }
            let place = ImageListFile.strangeLine(of: text).map { " (line \($0) is no image alone)" } ?? ""
            throw ConversionError(
                "\(file.displayedWithoutSecrets): not a file of \(ForeignFormat.allCases.map(\.name).joined(separator: ", "))"
                    + "\(place); name its format with --from"
            )
        }
        let part = try read(text, file: file, format)
        guard !part.items.isEmpty || !part.registries.isEmpty else {
            throw ConversionError("\(file.displayedWithoutSecrets): names no images that \(format.name) would copy")
        }
        mirror.append(part)
    }

    /// Takes in single images.
    ///
    /// - Throws: ``ConversionError`` for what is no image.
    package mutating func add(images: [String]) throws(ConversionError) {
        var found = FoundImages()
        for image in images {
            do throws(ReferenceError) {
                _ = try ImageReference(image)
            } catch {
                throw ConversionError("\(error)")
            }
            found.add(image, place: nil)
        }
        mirror.append(found.mirror(below: places))
    }

    private func read(_ text: String, file: String, _ format: ForeignFormat) throws(ConversionError) -> Mirror {
        switch format {
        case .list: return ImageListFile.read(text, below: places)
        case .spdx where ForeignFormat.isTagValue(text): return BillOfMaterialsFile.readTagValues(text, below: places)
        default: break
        }
        let content = try ForeignText(text, file: file)
        var mirror = try read(content.documents, file: file, format)
        mirror.comments += content.notes
        return mirror
    }

    private func read(
        _ documents: [ForeignValue],
        file: String,
        _ format: ForeignFormat
    ) throws(ConversionError) -> Mirror {
        switch format {
        case .kubernetes: return KubernetesFile.read(documents, below: places)
        case .cycloneDX: return BillOfMaterialsFile.readCycloneDX(documents, below: places)
        case .spdx: return BillOfMaterialsFile.readSPDX(documents, below: places)
        default: break
        }
        guard let document = documents.first else { throw ConversionError("\(file.displayedWithoutSecrets): is empty") }
        switch format {
        case .regsync: return RegsyncFile.read(document)
        case .dregsy: return DregsyFile.read(document)
        case .skopeo: return SkopeoFile.read(document, below: places)
        default: return ImageSyncerFile.read(document, below: places)
        }
    }

    /// The configuration: valid, with a comment for whatever has no counterpart.
    ///
    /// - Throws: ``ConversionError`` when there is no entry to write, or more of them than a configuration may have.
    package func yaml() throws(ConversionError) -> String {
        let mirror = mirror.checked
        guard !mirror.entries.isEmpty else {
            let notes = mirror.items.flatMap { if case .note(let comments) = $0 { comments } else { [] as [String] } }
            throw ConversionError((["nothing there can be an entry"] + notes).joined(separator: "\n  "))
        }
        let document = mirror.document
        let text = document.text
        if let excess = Self.excess(document, text) {
            let advice = command == .convert ? "convert" : "name"
            throw ConversionError("the configuration would have \(excess) read: \(advice) fewer images at a time")
        }
        return text
    }

    /// What a configuration has too much of, and how much there may be.
    private static func excess(_ document: CommentedYAML, _ text: String) -> String? {
        let bytes = text.utf8.count
        guard bytes <= YAMLDocument.maximumBytes else { return "\(ByteCount(Int64(bytes))), and at most 1 MiB is" }
        let values = document.nodes
        guard values <= YAMLDocument.maximumNodes else {
            return "\(values) values, and at most \(YAMLDocument.maximumNodes) are"
        }
        return nil
    }
}
