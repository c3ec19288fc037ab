//! The words in which a user id is read aloud: 1,024 short ones, ten bits each. No two of them are
//! one letter apart, so that a word misheard by a letter is no other word.
//!
//! The order is a part of the format: two programs with different lists tell different words.

/// How many there are.
pub(super) const COUNT: usize = 1 << BITS;
/// What one word says, in bits.
pub(super) const BITS: u32 = 10;

/// The list, in the order of the alphabet.
pub(super) static WORDS: [&str; COUNT] = [
    "abbey", "absorb", "accent", "access", "acorn", "active", "actor", "adapt", "adobe", "advice",
    "aerial", "affair", "agate", "agency", "agenda", "agile", "alarm", "alcove", "alder", "alibi",
    "alloy", "almond", "alpine", "amaze", "amber", "amount", "amulet", "amuse", "analog", "anchor",
    "angel", "angle", "animal", "annual", "answer", "antler", "anvil", "appeal", "apple", "april",
    "apron", "arbor", "arcade", "archer", "arctic", "arena", "argue", "arise", "aroma", "arrive",
    "arrow", "artist", "aside", "aspen", "assist", "assume", "atlas", "attend", "attic", "august",
    "author", "autumn", "avenue", "awake", "award", "awning", "azure", "bacon", "badge", "bagel",
    "bakery", "ballad", "ballet", "bamboo", "banana", "banjo", "banner", "barley", "barrel",
    "basil", "basket", "bazaar", "beauty", "beaver", "become", "beetle", "before", "behold",
    "beige", "belfry", "belong", "bench", "beret", "berry", "beyond", "binder", "bingo", "birch",
    "bishop", "bison", "blaze", "blouse", "board", "boiler", "bonnet", "bonus", "boost", "border",
    "botany", "bottle", "bought", "bounce", "branch", "brass", "brave", "bread", "breeze", "brick",
    "bridge", "brief", "bright", "bring", "bronco", "bronze", "broom", "brush", "bubble", "bucket",
    "buckle", "budget", "buffet", "bugle", "bumper", "bundle", "bunker", "bureau", "burger",
    "burrow", "butter", "button", "cabin", "cactus", "cadet", "camel", "camera", "campus", "canal",
    "canary", "cancel", "candid", "candle", "candy", "canoe", "canvas", "canyon", "carbon",
    "career", "cargo", "carol", "carpet", "carrot", "cashew", "castle", "casual", "cavern",
    "cedar", "celery", "cellar", "cello", "cement", "census", "center", "cereal", "chain", "chalk",
    "chance", "chapel", "charm", "chase", "cheer", "cheese", "cherry", "cherub", "chess", "chief",
    "child", "chisel", "choice", "chorus", "cider", "cinema", "cipher", "circle", "circus",
    "citron", "citrus", "civic", "claim", "clasp", "clause", "clerk", "clever", "client", "cliff",
    "clinic", "cloak", "closet", "cloud", "coach", "cobalt", "cobra", "cobweb", "cocoa", "coffee",
    "colony", "color", "column", "comedy", "comet", "comic", "common", "condor", "cookie",
    "copper", "coral", "corner", "cosmos", "cotton", "cougar", "county", "couple", "course",
    "cousin", "cover", "cowboy", "coyote", "cradle", "craft", "crane", "crater", "crayon", "cream",
    "credit", "creek", "crisp", "crocus", "cross", "crown", "cruise", "crumb", "crunch", "cuckoo",
    "curfew", "curve", "custom", "cycle", "cygnet", "cymbal", "dahlia", "dairy", "damage",
    "damsel", "dancer", "daring", "deacon", "debate", "decade", "decent", "decor", "define",
    "degree", "delta", "demand", "denim", "depot", "depth", "deputy", "derby", "desert", "design",
    "detail", "detour", "device", "devote", "dialog", "diary", "diesel", "digit", "dinner",
    "direct", "disco", "ditch", "diver", "divide", "dizzy", "doctor", "dolmen", "domain", "domino",
    "donkey", "donor", "double", "dough", "dozen", "dragon", "drama", "drawer", "dress", "drift",
    "drink", "drive", "dryer", "dugout", "duplex", "dwarf", "dynamo", "eager", "eagle", "early",
    "earth", "easel", "eaves", "ebony", "eclair", "editor", "effect", "effort", "eight", "elbow",
    "elect", "eleven", "elixir", "embark", "emblem", "empire", "empty", "enact", "enamel",
    "energy", "engage", "engine", "enjoy", "enough", "enrich", "ensign", "entire", "entry",
    "epoch", "equal", "eraser", "errand", "erupt", "escape", "escort", "essay", "estate", "ethics",
    "event", "evolve", "exceed", "exotic", "expand", "expert", "extra", "fable", "fabric", "faith",
    "falcon", "family", "famous", "fancy", "farmer", "father", "faucet", "feast", "fellow",
    "fence", "fennel", "fetch", "fever", "fiber", "fiddle", "field", "fiesta", "fifty", "figure",
    "filter", "final", "finch", "finger", "first", "fjord", "flame", "flask", "flavor", "fleece",
    "fleet", "flight", "flint", "float", "flock", "floor", "flower", "fluid", "flurry", "flute",
    "flyer", "focus", "folder", "forest", "forge", "formal", "forty", "forum", "fossil", "frank",
    "fresco", "fresh", "friend", "frost", "frozen", "fruit", "fudge", "funny", "future", "gadget",
    "galaxy", "gallop", "garage", "garden", "garlic", "garnet", "gauge", "gecko", "genius",
    "genre", "gentle", "geyser", "giant", "gibbon", "girdle", "glare", "glass", "gleam", "glider",
    "globe", "gnome", "goblet", "goblin", "golden", "goose", "gopher", "gospel", "gossip", "gourd",
    "grain", "grand", "grape", "gravel", "gravy", "great", "green", "grill", "grocer", "grotto",
    "group", "grove", "growth", "guard", "guava", "guest", "guide", "guild", "guitar", "gypsum",
    "habit", "hamlet", "hammer", "hangar", "happy", "haven", "hazel", "health", "heart", "heavy",
    "hedge", "helium", "helmet", "herald", "hermit", "heron", "hiccup", "hinge", "hippo", "hobby",
    "hockey", "hollow", "holly", "honest", "honey", "hornet", "horse", "hotel", "human", "humble",
    "humid", "hummus", "humor", "hunter", "hurdle", "hurry", "husky", "hyena", "icicle", "ideal",
    "igloo", "iguana", "image", "immune", "impact", "import", "income", "index", "indigo",
    "inform", "inlet", "input", "insect", "inside", "intend", "invent", "invite", "island",
    "ivory", "jackal", "jacket", "jaguar", "jargon", "jaunt", "jelly", "jersey", "jester", "jewel",
    "jigsaw", "jogger", "joiner", "joker", "joyful", "juice", "jumbo", "jungle", "junior", "kayak",
    "kebab", "kernel", "kettle", "khaki", "kidney", "kimono", "kindle", "kiosk", "kipper",
    "kitten", "knack", "knight", "koala", "label", "labor", "ladder", "ladle", "lagoon", "lance",
    "laptop", "larch", "large", "lasso", "laugh", "laurel", "lawyer", "league", "learn", "legend",
    "lemon", "lemur", "lentil", "lesson", "letter", "level", "lichen", "lilac", "linen", "liquid",
    "lizard", "llama", "locket", "locust", "lodge", "logic", "lonely", "lotion", "lotus", "lounge",
    "loyal", "lucky", "lumber", "lunar", "lunch", "lupin", "luxury", "lyric", "magic", "magma",
    "magnet", "magpie", "maiden", "major", "mammal", "mango", "mantis", "mantle", "manual",
    "maple", "marble", "margin", "marina", "market", "maroon", "marry", "marsh", "mascot", "mason",
    "matter", "meadow", "medal", "medium", "melody", "melon", "member", "memory", "mentor",
    "mercy", "merit", "meteor", "midday", "miller", "mimosa", "minnow", "minute", "mirror",
    "mixer", "mocha", "model", "modern", "mohair", "monday", "month", "mosaic", "motor", "mouse",
    "movie", "muffin", "mural", "muscle", "museum", "music", "muslin", "mussel", "myrtle",
    "napkin", "native", "nature", "nebula", "nectar", "needle", "nephew", "nibble", "nickel",
    "noble", "nomad", "noodle", "north", "novel", "nozzle", "nugget", "nurse", "nutmeg", "nylon",
    "oasis", "ocean", "ochre", "octave", "office", "olive", "omega", "omelet", "onion", "opera",
    "optic", "orange", "orbit", "orchid", "organ", "oriole", "otter", "outfit", "outlet", "owner",
    "oxygen", "oyster", "paddle", "pagoda", "palace", "panda", "panel", "pantry", "papaya",
    "paper", "parade", "parcel", "parlor", "pasta", "pastel", "patch", "patio", "patrol", "peach",
    "peanut", "pearl", "pebble", "pecan", "pencil", "pepper", "petal", "pewter", "phone", "photo",
    "piano", "pickle", "picnic", "pigeon", "pillar", "pillow", "pilot", "pirate", "pixel", "pizza",
    "planet", "plank", "plate", "plaza", "podium", "polar", "polish", "polka", "pollen", "poppy",
    "porch", "poster", "potato", "powder", "prince", "prism", "privet", "prize", "prune", "pulley",
    "pulse", "pumice", "puppet", "purple", "puzzle", "python", "quail", "quarry", "quartz",
    "queen", "query", "quiche", "quick", "quiet", "quill", "quince", "quiver", "quota", "rabbit",
    "radar", "radio", "radish", "raisin", "random", "ranger", "rapid", "rascal", "ravine", "razor",
    "recipe", "record", "reflex", "refuge", "region", "relish", "remedy", "report", "rescue",
    "retina", "rhino", "rhythm", "ripple", "robin", "robot", "rodeo", "round", "rubber", "rudder",
    "rugby", "ruler", "runner", "sailor", "salad", "salmon", "salute", "sandal", "satin", "saucer",
    "sauna", "scale", "scarf", "school", "scout", "screw", "scribe", "season", "secret", "seesaw",
    "seller", "senate", "senior", "sequel", "serum", "sesame", "shadow", "shark", "shawl", "sheep",
    "shelf", "shield", "shirt", "shore", "shovel", "shower", "shrimp", "shrub", "siding", "signal",
    "silver", "simple", "siren", "sister", "sketch", "skunk", "sleeve", "slope", "sloth", "smile",
    "smoke", "snail", "soccer", "sonata", "sorbet", "south", "spade", "spear", "speech", "sphere",
    "spice", "spider", "spiral", "sponge", "spoon", "spring", "sprout", "spruce", "square",
    "squash", "squid", "stable", "stair", "stamp", "statue", "steam", "steel", "stone", "stool",
    "stork", "straw", "street", "studio", "submit", "subway", "sugar", "summer", "sunday",
    "sunset", "surfer", "swift", "swing", "symbol", "syrup", "system", "tablet", "talent", "talon",
    "tapir", "target", "tartan", "tassel", "teapot", "temple", "tempo", "tennis", "tepee",
    "theory", "thorn", "thread", "throne", "thrush", "thumb", "thyme", "ticket", "tidal", "tiger",
    "timber", "tinsel", "tiptoe", "tissue", "titan", "toast", "tomato", "tonic", "topaz", "toucan",
    "towel", "trader", "trail", "trench", "tribe", "trophy", "tropic", "trout", "truck", "tulip",
    "tundra", "tunnel", "turban", "turkey", "turnip", "turret", "turtle", "tutor", "tuxedo",
    "tweed", "twelve", "twist", "typist", "uncle", "unique", "upland", "upper", "urchin", "usher",
    "vacuum", "valley", "valve", "vapor", "vault", "vector", "velvet", "vendor", "verse", "vessel",
    "vicar", "video", "vinyl", "viola", "violet", "violin", "vista", "visual", "vivid", "vocal",
    "volume", "voyage", "waffle", "wagon", "waiter", "walnut", "walrus", "waltz", "wander",
    "wasabi", "washer", "welder", "whale", "wharf", "wheat", "wheel", "whisk", "wicker", "widget",
    "window", "winter", "wisdom", "wombat", "world", "wrist", "yacht", "yeoman", "yogurt", "yucca",
    "zebra", "zenith", "zephyr", "zigzag", "zodiac",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_there_once_and_easy_to_type() {
        let all: BTreeSet<&str> = WORDS.into_iter().collect();
        assert_eq!(all.len(), COUNT);
        for word in WORDS {
            assert!((3..=7).contains(&word.len()), "{word}");
            assert!(word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
        }
    }

    #[test]
    fn no_word_becomes_another_by_one_letter() {
        // Words are one letter apart, changed or left out, exactly if they agree somewhere when a
        // letter is left out of one or both.
        let all: BTreeSet<String> = WORDS.into_iter().map(str::to_owned).collect();
        let mut shortened: BTreeSet<(usize, String)> = BTreeSet::new();
        for word in WORDS {
            for place in 0..word.len() {
                let mut rest = word.to_owned();
                rest.remove(place);
                assert!(!all.contains(&rest), "{word} and {rest}");
                assert!(shortened.insert((place, rest.clone())), "{word} at {place}");
            }
        }
    }
}
