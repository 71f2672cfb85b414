import Sync

/// The files of other tools that name images.
package enum ForeignFormat: String, CaseIterable, Sendable {
    case regsync
    case skopeo
    case dregsy
    case imageSyncer = "image-syncer"
    case kubernetes
    case cycloneDX = "cyclonedx"
    case spdx
    case list

    /// The format as people call it.
    package var name: String {
        switch self {
        case .regsync: "regsync"
        case .skopeo: "skopeo sync"
        case .dregsy: "dregsy"
        case .imageSyncer: "image-syncer"
        case .kubernetes: "Kubernetes"
        case .cycloneDX: "CycloneDX"
        case .spdx: "SPDX"
        case .list: "a list of images"
        }
    }

    /// What a file is; `nil` for a configuration of imglife, and for what nobody knows.
    ///
    /// Pure; looks at the content alone.
    package static func recognize(_ text: String) -> ForeignFormat? {
        let text = text.withPlainLines
        if isTagValue(text) { return .spdx }
        let documents = (try? ForeignText(text, file: ""))?.documents.filter { $0.pairs != nil } ?? []
        guard let first = documents.first else { return ImageListFile.looksLikeOne(text) ? .list : nil }
        if first["sync"]?.pairs != nil { return nil }
        if first["bomFormat"]?.text == "CycloneDX" { return .cycloneDX }
        if first["spdxVersion"] != nil { return .spdx }
        if KubernetesFile.looksLikeOne(documents) { return .kubernetes }
        if DregsyFile.looksLikeOne(first) { return .dregsy }
        if RegsyncFile.looksLikeOne(first) { return .regsync }
        if SkopeoFile.looksLikeOne(first) { return .skopeo }
        if ImageSyncerFile.looksLikeOne(first) { return .imageSyncer }
        return nil
    }

    /// SPDX's tag-value form begins so.
    static func isTagValue(_ text: String) -> Bool {
        text.split(separator: "\n").first { !$0.hasPrefix("#") }?.hasPrefix("SPDXVersion:") == true
    }
}
