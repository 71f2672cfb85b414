import OCI

/// A name that an archive gives to an image, as far as it can be used.
enum ImportName {
    /// A repository with a tag.
    case reference(ImageReference)
    /// A tag alone; many programs write no more.
    case tag(TagName)
    /// Nothing that a cache could call an image by.
    case unusable(String, reason: String)

    /// A name as docker, podman and containerd write it; without a tag it means `latest`, as for them.
    init(_ text: String) {
        do throws(ReferenceError) {
            let reference = try ImageReference(text)
            if reference.digest != nil {
                self = .unusable(text, reason: "it is a digest's")
            } else {
                let tag = reference.tag ?? Self.latest
                self = .reference(ImageReference(location: reference.location, tag: tag))
            }
        } catch {
            self = .unusable(text, reason: error.reason)
        }
    }

    /// What a layout's annotation says beside a digest: containerd names what was pulled by a digest by that digest.
    ///
    /// - Returns: `nil` for what adds nothing to the digest.
    /// - Throws: ``ArchiveRefusal`` for another image's digest.
    init?(_ text: String, of descriptor: Descriptor) throws(ArchiveRefusal) {
        guard text != "\(descriptor.digest)", text != "@\(descriptor.digest)" else { return nil }
        guard let name = try? ImageReference(text), let digest = name.digest else {
            self.init(text)
            return
        }
        guard digest == descriptor.digest else {
            throw ArchiveRefusal("its name '\(text.displaySafe)' is that of another image than \(descriptor.digest)")
        }
        guard let tag = name.tag else { return nil }
        self = .reference(ImageReference(location: name.location, tag: tag))
    }

    /// The text that globs are compared with.
    func text(as name: ImageReference?) -> String {
        switch self {
        case .reference(let reference): reference.description
        case .tag(let tag): name.map { "\($0.location):\(tag)" } ?? tag.description
        case .unusable(let text, _): text
        }
    }

    /// What it says, or `latest`.
    var tag: TagName {
        switch self {
        case .reference(let reference): reference.tag ?? Self.latest
        case .tag(let tag): tag
        case .unusable(let text, _): Self.tag(of: text) ?? Self.latest
        }
    }

    static var latest: TagName {
        guard let tag = try? TagName("latest") else { preconditionFailure("'latest' is a tag") }
        return tag
    }

    /// The tag that a text ends with, if it does.
    private static func tag(of text: String) -> TagName? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        return try? TagName(String(text[text.index(after: colon)...]))
    }
}
