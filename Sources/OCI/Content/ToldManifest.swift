/// What somebody says that a reference stands for.
package struct ToldManifest: Sendable {
    package let descriptor: Descriptor
    /// The manifest itself, where it had to be read to tell.
    package let manifest: Manifest?

    /// What was told without the manifest.
    package init(_ descriptor: Descriptor) {
        self.descriptor = descriptor
        manifest = nil
    }

    /// What was read.
    package init(_ manifest: Manifest) {
        descriptor = manifest.descriptor
        self.manifest = manifest
    }
}

/// How far it is to be doubted that a tag is the single image that a registry's HEAD names.
///
/// A front end that loses the list types of `Accept` on HEAD names one image of the index that the tag is.
package enum TagDoubt: Sendable {
    /// The tag was that image before.
    case unlikely
    /// Nothing tells.
    case possible
    /// The tag was an index before.
    case likely
}
