package import OCI

extension Receipt {
    /// Names and digests, packed as in an ``ImageList``: a receipt tells no sizes and types.
    package struct Images: Sendable, Hashable, ExpressibleByArrayLiteral {
        private var list = ImageList()

        package init() {}

        package init(arrayLiteral elements: Image...) { self.init(elements) }

        package init(_ images: some Sequence<Image>) {
            if let images = images as? Images {
                self = images
            } else {
                for image in images { append(image.reference, image.digest) }
            }
        }

        package mutating func append(_ reference: ImageReference, _ digest: Digest) {
            guard let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: 0) else { return }
            list.append(reference, descriptor)
        }

        consuming func sorted() -> Images {
            list = list.sorted()
            return self
        }

        var isUnique: Bool { list.isUnique }

        func text(at position: Int) -> String { list.text(at: position) }

        func digest(at position: Int) -> Digest { list.descriptor(at: position).digest }
    }
}

extension Receipt.Images: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { list.count }

    package subscript(position: Int) -> Receipt.Image {
        let image = list[position]
        return Receipt.Image(reference: image.reference, digest: image.descriptor.digest)
    }
}
