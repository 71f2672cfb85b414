package import OCI

/// One manifest in the `index.json` of a cache or an archive, which are written alike: either can become the other.
package enum LayoutEntry {
    package static let referenceName = "org.opencontainers.image.ref.name"
    package static let containerdName = "io.containerd.image.name"
    /// Marks what refers to images and is no name: a list where it has a value, else a referrer.
    package static let referrersMark = "io.imglife.referrers"

    /// An image under its full name, with the tag.
    package static func tag(_ descriptor: Descriptor, named name: String) -> String {
        let name = JSONText.quoted(name)
        return text(descriptor, #""\#(containerdName)":\#(name),"\#(referenceName)":\#(name)"#)
    }

    /// A list under its name of the "Referrers Tag Schema" (OCI distribution-spec 1.1.1), with its
    /// ``ReferrersIndex/key(of:)``.
    package static func list(_ descriptor: Descriptor, named name: String, key: Digest) -> String {
        let name = JSONText.quoted(name)
        let mark = #""\#(referrersMark)":"\#(key)""#
        return text(descriptor, #""\#(containerdName)":\#(name),\#(mark),"\#(referenceName)":\#(name)"#)
    }

    /// What refers to an image, without a name.
    package static func referrer(_ descriptor: Descriptor) -> String {
        text(descriptor, #""\#(referrersMark)":"""#)
    }

    private static func text(_ descriptor: Descriptor, _ annotations: String) -> String {
        let type = JSONText.quoted(descriptor.mediaType.description)
        return #"{"annotations":{\#(annotations)},"digest":"\#(descriptor.digest)","mediaType":\#(type),"#
            + #""size":\#(descriptor.size)}"#
    }
}
