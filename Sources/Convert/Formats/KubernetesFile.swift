import OCI

/// Kubernetes manifests, and whatever else names its images in fields called `image`: `helm template`, compose files.
enum KubernetesFile {
    static func read(_ documents: [ForeignValue], below places: TargetPlaces) -> Mirror {
        var images = FoundImages()
        for document in documents { collect(document: document, &images) }
        return images.mirror(below: places)
    }

    static func looksLikeOne(_ documents: [ForeignValue]) -> Bool {
        documents.contains { document in
            document["apiVersion"]?.text != nil && document["kind"]?.text != nil
                || document["services"]?.pairs?.contains { $0.value["image"] != nil } == true
        }
    }

    /// `Deployment/web`, for the comment beside an image.
    private static func name(of document: ForeignValue) -> String? {
        guard let kind = document["kind"]?.text else { return nil }
        return document["metadata"]?["name"]?.text.map { "\(kind)/\($0)" } ?? kind
    }

    private static func collect(document: ForeignValue, _ images: inout FoundImages) {
        let name = name(of: document)
        for pair in document.pairs ?? [] {
            if name == nil, pair.key == "services", let services = pair.value.pairs {
                for service in services { collect(service: service, &images) }
            } else {
                collect(pair, place: name, &images)
            }
        }
    }

    /// A service of a compose file, which may choose a platform.
    private static func collect(service: ForeignValue.Pair, _ images: inout FoundImages) {
        let place = "service \(service.key)"
        let platforms = service.value["platform"]?.text.map { [$0] } ?? []
        for pair in service.value.pairs ?? [] {
            if pair.key == "image", let text = pair.value.text, !text.isEmpty {
                images.add(text, platforms: platforms, place: place)
            } else {
                collect(pair, place: place, &images)
            }
        }
    }

    private static func collect(_ value: ForeignValue, place: String?, _ images: inout FoundImages) {
        switch value {
        case .null, .scalar: break
        case .list(let elements):
            for element in elements { collect(element, place: name(of: element) ?? place, &images) }
        case .mapping(let pairs):
            for pair in pairs { collect(pair, place: place, &images) }
        }
    }

    private static func collect(_ pair: ForeignValue.Pair, place: String?, _ images: inout FoundImages) {
        switch (pair.key, pair.value) {
        case ("image", .scalar(let text)) where !text.isEmpty:
            images.add(text, place: place)
        case ("image", .mapping):
            guard let text = imageOfParts(pair.value) else { return collect(pair.value, place: place, &images) }
            images.add(text, place: place)
        case ("args", .list(let elements)), ("command", .list(let elements)):
            for argument in elements.compactMap(\.text) { noteImage(inArgument: argument, place, &images) }
        case ("env", .list(let elements)):
            for variable in elements {
                if let value = variable["value"]?.text { noteImage(inArgument: value, place, &images) }
            }
        default: collect(pair.value, place: place, &images)
        }
    }

    /// An image volume's `{reference}`, or `{registry, repository, tag, digest}` of operators and charts.
    private static func imageOfParts(_ value: ForeignValue) -> String? {
        // Charts write what is not said as an empty text.
        func part(_ key: String) -> String? { value[key]?.text.flatMap { $0.isEmpty ? nil : $0 } }
        if let reference = part("reference") { return reference }
        guard let repository = part("repository") else { return nil }
        let host = part("registry").map { "\($0)/" } ?? ""
        let tag = part("tag").map { ":\($0)" } ?? ""
        let digest = part("digest").map { "@\($0)" } ?? ""
        return host + repository + tag + digest
    }

    /// Operators name the images of what they start in arguments and variables: that is told, not decided.
    private static func noteImage(inArgument argument: String, _ place: String?, _ images: inout FoundImages) {
        let text = argument.split(separator: "=").last.map(String.init) ?? argument
        guard let slash = text.firstIndex(of: "/"), text[..<slash].contains("."), !text.contains("://"),
            let image = try? ImageReference(text), image.reference != nil
        else { return }
        images.note(
            "an argument\(place.map { " of \($0.displayedWithoutSecrets)" } ?? "") may name an image too: \(image)"
        )
    }
}
