import OCI

/// Bills of materials that name images: CycloneDX's JSON, SPDX's JSON, YAML and tag-value form.
enum BillOfMaterialsFile {
    /// CycloneDX: components with a package URL of an image, or of the type `container`.
    static func readCycloneDX(_ documents: [ForeignValue], below places: TargetPlaces) -> Mirror {
        var images = FoundImages()
        for document in documents {
            if let subject = document["metadata"]?["component"] { collectComponent(subject, &images) }
            for component in document["components"]?.elements ?? [] { collectComponent(component, &images) }
        }
        return images.mirror(below: places)
    }

    /// SPDX: packages with a package URL of an image, or with the purpose `CONTAINER`.
    static func readSPDX(_ documents: [ForeignValue], below places: TargetPlaces) -> Mirror {
        var images = FoundImages()
        for package in documents.flatMap({ $0["packages"]?.elements ?? [] }) {
            let locators = (package["externalRefs"]?.elements ?? []).compactMap { $0["referenceLocator"]?.text }
            let isContainer = package["primaryPackagePurpose"]?.text == "CONTAINER"
            add(
                name: package["name"]?.text,
                version: package["versionInfo"]?.text,
                locators: locators,
                isContainer: isContainer,
                &images
            )
        }
        return images.mirror(below: places)
    }

    /// SPDX's lines, `ExternalRef: PACKAGE-MANAGER purl pkg:oci/…`.
    static func readTagValues(_ text: String, below places: TargetPlaces) -> Mirror {
        var images = FoundImages()
        for line in text.split(separator: "\n") where line.hasPrefix("ExternalRef:") {
            for word in line.split(separator: " ") {
                if let image = PackageURL.image(String(word)) { images.add(image, place: nil) }
            }
        }
        return images.mirror(below: places)
    }

    private static func collectComponent(_ component: ForeignValue, _ images: inout FoundImages) {
        add(
            name: component["name"]?.text,
            version: component["version"]?.text,
            locators: component["purl"]?.text.map { [$0] } ?? [],
            isContainer: component["type"]?.text == "container",
            &images
        )
        for inner in component["components"]?.elements ?? [] { collectComponent(inner, &images) }
    }

    private static func add(
        name: String?,
        version: String?,
        locators: [String],
        isContainer: Bool,
        _ images: inout FoundImages
    ) {
        let found = locators.compactMap(PackageURL.image)
        for image in found { images.add(image, place: nil) }
        guard found.isEmpty, isContainer, let name else { return }
        let isNamed = (try? ImageReference(name))?.reference != nil
        let separator = version?.contains(":") == true ? "@" : ":"
        images.add(name + (isNamed ? "" : version.map { separator + $0 } ?? ""), place: nil)
    }
}
