package import Lifecycle
package import OCI
package import YAML

extension Configuration {
    /// One upstream repository, the tags of it that are wanted, and where they go.
    package struct Entry: Sendable {
        package let source: RepositoryReference
        /// Never the source itself.
        package let target: RepositoryReference
        package let selection: TagSelection
        /// What the pattern's matches have to pass besides.
        package var filters: [any SelectionRule] = []
        /// How many of the newest matching tags are selected, at least 1; `nil` selects all.
        package let keepLast: Int?
        /// `os_normalize`: OS-variant tags are renamed at the target.
        package let normalizesOS: Bool
        /// `check_digest`: a tag that the target has is copied again when its digest changed upstream.
        package let checksDigest: Bool
        /// The platforms to copy, the file's default merged in; empty copies everything.
        package let platforms: [PlatformPattern]
        package let lifecycle: LifecycleTracking?
        /// What runs around this entry's tags.
        package let hooks: [HookContext.Event: [Hook]]
        package let includesReferrers: Bool
        /// Where the entry stands in the file.
        package let position: SourcePosition

        package init(
            source: RepositoryReference,
            target: RepositoryReference,
            selection: TagSelection,
            keepLast: Int? = nil,
            normalizesOS: Bool = false,
            checksDigest: Bool = false,
            platforms: [PlatformPattern] = [],
            lifecycle: LifecycleTracking? = nil,
            hooks: [HookContext.Event: [Hook]] = [:],
            includesReferrers: Bool = false,
            position: SourcePosition = SourcePosition(line: 1, column: 1)
        ) {
            self.source = source
            self.target = target
            self.selection = selection
            self.keepLast = keepLast
            self.normalizesOS = normalizesOS
            self.checksDigest = checksDigest
            self.platforms = platforms
            self.lifecycle = lifecycle
            self.hooks = hooks
            self.includesReferrers = includesReferrers
            self.position = position
        }
    }

    /// The tags that an entry wants.
    package enum TagSelection: Sendable {
        /// This one; that it is missing upstream is an error.
        case tag(TagName)
        /// Every tag that the pattern is found in.
        case pattern(TagPattern)
    }
}

/// A command that runs after an entry, or after all of them.
package struct Hook: Hashable, Sendable {
    /// For `/bin/sh -c`; nothing is substituted into it.
    package let command: String
    /// More than zero; 60 seconds unless the file says otherwise.
    package let timeout: Duration
    package let continuesOnError: Bool

    package static let defaultTimeout: Duration = .seconds(60)

    package init(command: String, timeout: Duration = Self.defaultTimeout, continuesOnError: Bool = false) {
        self.command = command
        self.timeout = timeout
        self.continuesOnError = continuesOnError
    }
}
