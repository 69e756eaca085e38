package demo

// theme is what one campaign is about.
type theme struct {
	name, slug string
	topics     []topic
	goods      []string
	variants   []string
	brand      string // three letters that begin a SKU
	price      int    // the cheapest, in cents
	currency   string
	taxRate    string
	sentences  []string // %[1]s is the topic, %[2]s the place
	places     []string
}

type topic struct{ slug, text, tag string }

// manners are the documents that each topic has.
var manners = []struct{ slug, title string }{
	{"guide", "A guide to %s"}, {"faq", "Questions about %s"}, {"care", "Taking care of %s"}, {"choose", "How to choose %s"},
	{"mistakes", "Seven mistakes with %s"}, {"history", "Where %s comes from"}, {"beginners", "First steps with %s"},
	{"experts", "Beyond the basics of %s"}, {"checklist", "A checklist for %s"}, {"seasons", "Through the seasons with %s"},
}

var themes = []theme{
	{
		name: "Harbour Coffee", slug: "harbour-coffee", brand: "HAR", price: 390, currency: "EUR", taxRate: "0.07",
		topics: []topic{
			{"espresso", "espresso", "brewing"}, {"pour-over", "pour-over", "brewing"}, {"cold-brew", "cold brew", "brewing"},
			{"grinding", "grinding", "equipment"}, {"water", "brewing water", "brewing"}, {"milk", "milk foam", "barista"},
			{"roasting", "roasting", "roastery"}, {"green-beans", "green beans", "roastery"}, {"cupping", "cupping", "tasting"},
			{"decaf", "decaf", "beans"}, {"storage", "coffee storage", "beans"}, {"descaling", "descaling", "equipment"},
			{"scales", "scales and timers", "equipment"}, {"subscriptions", "subscriptions", "orders"}, {"tasting-notes", "tasting notes", "tasting"},
		},
		goods:    []string{"House Espresso", "Ethiopia Guji", "Colombia Huila", "Kenya Nyeri", "Brasil Cerrado", "Sumatra Mandheling", "Decaf Mexico", "Cold Brew Blend", "Filter Sampler", "Crema Oscura"},
		variants: []string{"250 g", "500 g", "1 kg", "250 g ground", "sample, 50 g"},
		sentences: []string{
			"Good %[1]s begins with fresh beans and clean equipment.", "At %[2]s we teach %[1]s every Saturday morning.",
			"Weigh everything: a gram too many changes %[1]s more than any machine does.", "Taste first, then change one thing at a time.",
			"Water at 93 °C is right for most of what we write here about %[1]s.", "If it tastes sour, grind finer; if it tastes bitter, grind coarser.",
			"Our roasters at %[2]s keep a log of every batch, and you may read it.", "Leave the bag closed, dark and dry, and never in the fridge.",
			"The crema says little about quality and a lot about freshness.", "Ask us about %[1]s; we answer within a day.",
		},
		places: []string{"the harbour roastery", "Café am Kai", "the Fischmarkt stall", "our training room"},
	},
	{
		name: "Trailhead Outfitters", slug: "trailhead-outfitters", brand: "TRL", price: 1490, currency: "USD", taxRate: "0.0825",
		topics: []topic{
			{"tents", "tents", "shelter"}, {"sleeping-bags", "sleeping bags", "shelter"}, {"boots", "hiking boots", "footwear"},
			{"backpacks", "backpacks", "packs"}, {"stoves", "camping stoves", "kitchen"}, {"water-filters", "water filters", "kitchen"},
			{"navigation", "map and compass", "skills"}, {"weather", "mountain weather", "skills"}, {"layers", "dressing in layers", "clothing"},
			{"rain-gear", "rain gear", "clothing"}, {"first-aid", "first aid", "safety"}, {"headlamps", "headlamps", "equipment"},
			{"returns", "returns and repairs", "orders"}, {"leave-no-trace", "leaving no trace", "skills"}, {"winter", "winter camping", "shelter"},
		},
		goods:    []string{"Ridge Tent", "Summit Pack", "Creek Filter", "Alpine Stove", "Storm Jacket", "Merino Base Layer", "Trail Boot", "Ember Sleeping Bag", "Beacon Headlamp", "Trekking Poles"},
		variants: []string{"small", "medium", "large", "ultralight", "2026 edition"},
		sentences: []string{
			"Most of what goes wrong with %[1]s goes wrong at home, before the trip.", "Try %[1]s for one night in the garden before you trust it for ten.",
			"We test at %[2]s, in rain, by night and with cold hands.", "Weight you carry is weight you pay for twice: once at the till, once uphill.",
			"Dry everything before you pack it away; mildew does not wash out.", "A repair on the trail needs tape, a needle and ten minutes.",
			"The ratings on the label are measured in a laboratory and not at %[2]s.", "Turn back early: the mountain will be there next year.",
			"Our workshop mends %[1]s of every brand, not only ours.", "Count what you take in, and count it again on the way out.",
		},
		places: []string{"Mount Hood", "the Wonderland Trail", "Glacier Basin", "our test hut"},
	},
	{
		name: "City Library", slug: "city-library", brand: "LIB", price: 150, currency: "GBP", taxRate: "0",
		topics: []topic{
			{"membership", "membership", "members"}, {"loans", "loans and renewals", "members"}, {"ebooks", "e-books", "digital"},
			{"archives", "the city archive", "research"}, {"reading-groups", "reading groups", "events"}, {"children", "the children's hour", "events"},
			{"study-rooms", "study rooms", "rooms"}, {"interlibrary", "interlibrary loans", "research"}, {"maps", "the map collection", "research"},
			{"local-history", "local history", "research"}, {"accessibility", "accessibility", "members"}, {"makerspace", "the makerspace", "rooms"},
			{"languages", "books in many languages", "collection"}, {"poetry", "poetry evenings", "events"}, {"donations", "giving books", "collection"},
		},
		goods:    []string{"Canvas Bag", "Reading Light", "Library Mug", "Bookmark Set", "Notebook", "City Map Print", "Enamel Pin", "Poetry Chapbook", "Archive Postcards", "Pencil Tin"},
		variants: []string{"blue", "green", "red", "limited", "set of 3"},
		sentences: []string{
			"Everything about %[1]s is free for members and open to visitors.", "Ask at the desk of %[2]s, or write to us; a librarian answers.",
			"You can renew twice, unless somebody else is waiting.", "The catalogue knows %[1]s by subject, by place and by year.",
			"Our volunteers at %[2]s speak eleven languages between them, among them العربية, Tiếng Việt and Türkçe.", "Please bring a card with your address for your first visit.",
			"What we do not have we borrow for you, usually within a week.", "Nothing is fined here any more; we only ask that books come home.",
			"The oldest item in the collection is from 1648 and may be seen on the first Monday of the month.", "Quiet is kept on the second floor, and conversation in the café.",
		},
		places: []string{"the Main Hall", "Riverside Branch", "the Old Town reading room", "the mobile library"},
	},
}

var (
	firstNames = []string{"Ada", "Grace", "Søren", "Zoë", "José", "Chloé", "Łukasz", "Aïcha", "Yuki", "Noor", "Priya", "Björn", "Siobhán", "Mateo", "Ingrid", "Kwame", "Lê", "Olena", "Tomás", "Ming"}
	lastNames  = []string{"Lovelace", "Hopper", "Kierkegård", "Müller", "García", "Nowak", "O'Brien", "Nguyễn", "Tanaka", "Haddad", "Sharma", "Åkesson", "Kovač", "Mensah", "Silva", "Petrenko", "Rossi", "Wang", "Dubois", "Çelik"}
)
