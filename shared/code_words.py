"""The words of code names: two neutral ones follow from a text, such as the id of a case or a reference. Pure."""

import hashlib


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Landscape, weather, colours, materials, plants and tools only: no people, no bodies, no animals used as insults.
ADJECTIVES = _words("""
    amber ample ancient apricot arched arctic ashen aspen autumn azure balmy basalt beige birchen blooming blue bold
    brass bright brisk broad bronze calm candid canvas carved cedar cerulean chalky charted cheerful chestnut chilly
    cinnamon citrus clay clear clever cloudless coastal cobalt cool copper coral cosmic cotton crimson crisp crystal
    curved cyan daily dappled dawning deep dewy distant double dusty eager early earthen easterly echoing elder elm
    emerald endless even evening evergreen faint fair fallow far fawn feathered fern fertile fine firm first fleecy
    flint floating flowing fluted folded forest fresh frosty gentle gilded glad glassy gleaming glowing golden
    grand granite grassy green harvest hazel heather hidden high hollow honest humble indigo inland iris ivory ivy jade
    jasper jolly keen khaki kind laced lakeside lapis larch lasting late lavender leafy lemon level light lilac lime
    linen lively lofty long loyal lucid lunar lush magenta mahogany maple marble marine maroon mauve meadow mellow
    merry midday mild mint misty modest mossy mountain muted narrow navy near neat nimble noble noon northern oaken
    oaten ochre olive opal open orange orchard oval pale paper pastel patient peach pearl pebbled pine placid plain
    polar polished prime proud pure quartz quick quiet rainy rapid ready regal ripe rising river roaming robust rocky
    rolling rosewood round royal ruby russet rustic saffron sage sandy sapphire satin scarlet scenic secure sepia
    serene shaded shining short silent silken silver simple sleek slender slow smooth snowy soft solar solid sonic
    southern spacious spare spring spruce stable starlit steady steel still stone stout straight striped sturdy summer
    sunlit sunny swift tall tawny teal tender terse thatched tidal tidy timber topaz tranquil true turquoise twin upland
    upper urban valley vast velvet verdant vernal violet vivid walnut warm waxen westerly wheaten whole wide willow
    windy winter wise wooden woven zesty
    """)  # fmt: skip
NOUNS = _words("""
    acorn alcove almond anchor anvil apple arbor arch atlas atoll aurora avenue awning axle balcony barley barn
    basin basket bay bayou beach beacon bell bench bluff boat bobbin bonnet book boulder bramble branch breeze bridge
    brook bucket buoy burrow button cabin cable cairn canal candle canoe canopy canyon cape carafe caravan
    carpet cart cascade castle causeway cellar chalet chapel chart chime cider circle clarinet cliff clock cloud clover
    coast comet compass cone cottage courtyard cove crater creek crescent cress crest crossing cup current
    curtain cypress dahlia dale dam delta desk dial dome door dory drift drum dune easel eddy
    ember envelope estuary fable falls farm fathom fence ferry fiddle field fig fjord flagstone flax flute fog
    footbridge ford fountain frame gable galaxy gallery garden garland garnet gate geyser glacier glade glen globe
    gorge grain grange grotto grove gulf hammock harbour harp hatch haven hearthstone hedge helm hill
    hinge horizon hull inlet island isle jetty jigsaw journal juniper kayak kettle key keel kiln kite knoll
    ladder lagoon lake lamp lane lantern larder lattice lawn ledge lens letter library lighthouse lintel
    locket lodge log loom lute mallet mandolin manor map marina market marsh mast mat
    maze medley mesa meteor mill mirror moat monsoon moor mooring mosaic mug needle nest nook notebook oar oasis oat
    ocean orbit orchid organ outpost oven paddle pagoda palette pantry parade parasol park parcel parlour pasture
    path pavilion pear pebble pencil pendant pergola piano pier pillar pillow pinecone pitcher planet plateau plaza
    plum pocket pond poplar porch port postcard prairie prism puddle pulley quarry quay quill quilt raft railway
    rainbow rampart ravine reed reef reservoir ribbon ridge ring road rook roof rope rudder saddle sail
    sandbar satchel scarf schooner scroll sea seedling shed shell shore shelf signal
    skylight sleigh slope sluice snowdrift sofa spindle spire spool square stair star station steeple stile
    stove stream street summit sundial sunrise table tapestry teacup telescope tent terrace thicket thimble
    thistle thread tide tile torch tower trail tram tree trellis tulip tunnel turret twig umbrella vale vase
    veranda viaduct village vineyard viola voyage wagon walkway wall watermill wave weir wharf wheel whistle
    windmill window wing wreath yard yarn zephyr zinnia
    """)  # fmt: skip


def pair_of(seed: str) -> tuple[str, str, int]:
    """An adjective, a noun and a number that follow from a text."""
    digest = hashlib.sha256(seed.encode()).digest()
    adjective = ADJECTIVES[int.from_bytes(digest[:4]) % len(ADJECTIVES)]
    noun = NOUNS[int.from_bytes(digest[4:8]) % len(NOUNS)]
    return adjective, noun, int.from_bytes(digest[8:16])
