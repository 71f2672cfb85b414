package import OCI

/// How a tag names an operating system, and where its version stands.
package struct OSVariantTag: Hashable, Sendable {
    /// What `os_normalize` does with the tag.
    package enum Kind: Hashable, Sendable {
        /// It starts with a version, names no operating system, or is something else, such as `lts-alpine`.
        case stays
        /// It is an operating system's name and nothing more: an alias of a versioned tag.
        case bare
        /// The version stands behind the operating system: `alpine3.21-1.22`. The name is the tag turned round.
        case reversed(TagName)
    }

    package let tag: TagName
    package let kind: Kind

    package init(_ tag: TagName) {
        self.tag = tag
        kind = Self.kind(of: tag)
    }

    private static func kind(of tag: TagName) -> Kind {
        guard TagVersion(tag) == nil else { return .stays }
        let pieces = tag.description.split(separator: "-", omittingEmptySubsequences: false)
        let front = pieces.prefix { OSWord.isSystem($0) || OSWord.isFlavour($0) }
        guard front.contains(where: OSWord.isSystem) else { return .stays }
        let back = pieces[front.endIndex...].joined(separator: "-")
        guard !back.isEmpty else { return front.count == pieces.count ? .bare : .stays }
        guard let version = try? TagName(back), let parsed = TagVersion(version), !isDate(parsed),
            let turned = try? TagName("\(back)-\(front.joined(separator: "-"))")
        else { return .stays }
        return .reversed(turned)
    }

    /// `jammy-20240530` is a day's build of the system itself.
    private static func isDate(_ version: TagVersion) -> Bool {
        version.parts.count == 1 && version.parts[0].utf8.count == 8 && version.parts[0].hasPrefix("20")
    }
}

/// The words that tags use for operating systems.
enum OSWord {
    /// Distributions, which may carry a version: `alpine3.21`, `ubi9`, `debian12`.
    private static let distributions: Set<String> = [
        "alma", "almalinux", "alpine", "al", "amazonlinux", "amzn", "arch", "archlinux", "azurelinux", "bci", "busybox",
        "centos", "debian", "deb", "distroless", "el", "fedora", "glibc", "leap", "ltsc", "mariner", "musl",
        "nanoserver",
        "ol", "opensuse", "oracle", "oraclelinux", "photon", "redhat", "rhel", "rocky", "rockylinux", "sles", "suse",
        "tumbleweed", "ubi", "ubuntu", "uclibc", "windows", "windowsservercore", "wolfi",
    ]
    /// Releases of Debian and Ubuntu by name.
    private static let suites: Set<String> = [
        "wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "sid",
        "trusty", "xenial", "bionic", "cosmic", "disco", "eoan", "focal", "groovy", "hirsute", "impish", "jammy",
        "kinetic", "lunar", "mantic", "noble", "oracular", "plucky", "questing", "resolute",
    ]
    /// Words that go along with a system's name and are none themselves.
    private static let flavours: Set<String> = [
        "slim", "minimal", "micro", "chiseled", "extra", "full", "fat", "fpm", "apache", "cli", "zts", "perl", "otel",
        "jre", "jdk", "headless", "backports",
    ]

    static func isSystem(_ piece: Substring) -> Bool {
        let word = piece.prefix { !("0"..."9").contains($0) }
        let version = piece[word.endIndex...]
        guard version.allSatisfy({ ("0"..."9").contains($0) || $0 == "." }), version.last != "." else { return false }
        return distributions.contains(String(word)) || (version.isEmpty && suites.contains(String(word)))
    }

    static func isFlavour(_ piece: Substring) -> Bool { flavours.contains(String(piece)) }
}
