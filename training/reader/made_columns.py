"""Columns of tables that were never written: their headers, what people ask of them, and values drawn at random."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Draw = Callable[[Random], str]


@dataclass(frozen=True)
class Column:
    """A column: ways to head it, questions with `{row}` for the thing, and how a value is drawn."""

    headers: tuple[str, ...]
    questions: tuple[str, ...]
    value: Draw


@dataclass(frozen=True)
class Kind:
    """A kind of table: how its first column is headed, its things, and the columns that fit; captions with `{name}`."""

    headers: tuple[str, ...]
    things: Draw
    columns: tuple[str, ...]
    captions: tuple[str, ...]


def words(text: str) -> tuple[str, ...]:
    """Return the parts of a text between strokes.

    >>> words("red|blue")
    ('red', 'blue')
    """
    return tuple(text.split("|"))


FIRST = words(
    "Anna|Ben|Carla|David|Elif|Farid|Grace|Hugo|Ines|Jonas|Kira|Liam|Mona|Nils|Olga|Paul|Rosa|Sven|Tara"
    "|Umar|Vera"
    "|Will|Yusuf|Zoe|Priya|Chen|Amara|Mateo|Noor|Edith"
)
LAST = words(
    "Berg|Castro|Dahl|Evans|Fischer|Grant|Hale|Ivanov|Jensen|Khan|Lopez|Meyer|Novak|Okafor|Price|Quinn"
    "|Rossi|Stone"
    "|Turner|Ueda|Vogel|Walsh|Young|Ziegler|Brandt|Silva|Osei|Lind|Marsh|Pereira"
)
TOWNS = words(
    "Alderton|Brackley|Corwen|Dunmore|Eastvale|Fernside|Glenholm|Harwick|Ilmere|Kestrel Bay|Larkfield"
    "|Milbrook|Norwell"
    "|Oakhurst|Penrose|Quarrytown|Ravensea|Stonebridge|Thornby|Upwell|Westmere|Yarrow|Zell|Copenhagen"
    "|Porto|Leeds|Utrecht"
)
ADJECTIVES = words(
    "small|large|blue|green|red|folding|steel|wooden|spare|double|heavy|light|digital|garden|winter|deep"
)
ITEMS = words(
    "rope|lamp|bucket|ladder|pump|filter|valve|cable|battery|anchor|tent|stove|blanket|drill|saw|helmet"
    "|jacket|shovel"
    "|kettle|chair|desk|printer|monitor|keyboard|bolt|hinge|pipe|fan|heater|camera|tripod|paddle|compass"
    "|radio|oar"
)
MACHINES = words("pump|boiler|mixer|lathe|press|oven|crane|turbine|compressor|freezer|scanner|router|server|conveyor")
DEPARTMENTS = words(
    "Accounts|Library|Admissions|Housing|Payroll|Maintenance|Reception|Security|Archive|Harbour office"
    "|Registry"
    "|Laboratory|Workshop|Kitchen|Sales|Purchasing|Legal|Museum shop|Post room|Pharmacy|Radiology|Cardiology"
)
ROOMS = words("Room|Hall|Studio|Laboratory|Lecture hall|Workshop|Suite|Berth|Gate|Dock")
DISHES = words(
    "lentil soup|mushroom risotto|beef stew|apple cake|fish pie|green curry|onion tart|rye bread"
    "|rice pudding|goulash"
    "|pancakes|potato salad|carrot cake|vegetable lasagne|pea soup|cheese omelette|plum dumplings"
    "|barley broth"
)
PLANTS = words("tomato|carrot|leek|spinach|pea|onion|basil|thyme|rose|tulip|lavender|potato|pumpkin|radish|kale|bean")
COURSES = words(
    "Algebra|Organic Chemistry|Medieval History|Statistics|Welding|First Aid|Spanish 1|Network Security"
    "|Drawing|Genetics"
    "|Public Law|Soil Science|Macroeconomics|Acoustics|Data Structures|Pottery|Navigation|Bookkeeping"
    "|Optics|Ethics"
)
WEEKDAYS = words("Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday")
MONTHS = words("January|February|March|April|May|June|July|August|September|October|November|December")
STATES = words("active|closed|in repair|on loan|planned|out of order|approved|pending|in use|reserved|sold out|delayed")
MATERIALS = words("steel|oak|aluminium|nylon|cotton|brass|glass|rubber|ceramic|copper|wool|pine|titanium|plastic")
COLOURS = words("red|blue|green|white|black|grey|yellow|dark blue|orange|brown|silver|beige")


def pick(*choices: str) -> Draw:
    """Return a draw of one of some texts."""
    return lambda chance: chance.choice(choices)


def number(low: int, high: int, form: str = "{}") -> Draw:
    """Return a draw of a whole number, with separators from 1,000 on half of the time."""
    return lambda chance: form.format(f"{chance.randint(low, high):{chance.choice(('', ','))}}")


def decimal(low: float, high: float, *forms: str) -> Draw:
    """Return a draw of a number with decimals in one of some forms."""
    return lambda chance: chance.choice(forms).format(chance.uniform(low, high))


def person(chance: Random) -> str:
    """Return a name, now and then with a title."""
    return chance.choice(("", "", "", "Dr ", "Ms ")) + f"{chance.choice(FIRST)} {chance.choice(LAST)}"


def date(chance: Random) -> str:
    """Return a day in one of three forms."""
    year, month, day = chance.randint(1995, 2031), chance.randint(1, 12), chance.randint(1, 28)
    name = MONTHS[month - 1]
    return chance.choice(
        (f"{day} {name} {year}", f"{year}-{month:02}-{day:02}", f"{name} {day}, {year}", f"{day} {name}")
    )


def clock(chance: Random) -> str:
    """Return a time of day."""
    hour, minute = chance.randint(5, 22), chance.choice((0, 5, 10, 15, 20, 30, 40, 45, 55))
    return chance.choice(
        (
            f"{hour}:{minute:02}",
            f"{hour:02}:{minute:02}",
            f"{(hour - 1) % 12 + 1}:{minute:02} {'am' if hour < 12 else 'pm'}",
        )
    )


def hours(chance: Random) -> str:
    """Return from when to when something is open."""
    begin, end = chance.randint(6, 11), chance.randint(12, 21)
    first, last = sorted(chance.sample(range(7), 2))
    days = chance.choice(
        ("", "", f"{WEEKDAYS[first]} to {WEEKDAYS[last]}, ", f"{WEEKDAYS[first][:3]}-{WEEKDAYS[last][:3]} ")
    )
    return days + chance.choice(
        (f"{begin}:00 to {end}:00", f"{begin} am to {end - 12 or 12} pm", f"{begin:02}:00-{end}:30")
    )


def code(chance: Random) -> str:
    """Return a number of a part or an order."""
    letters = "".join(chance.choices("ABCDEFGHKLMNPRSTXZ", k=chance.randint(1, 3)))
    return f"{letters}{chance.choice(('-', '', ' ', '/'))}{chance.randint(10, 9999)}"


def phone(chance: Random) -> str:
    """Return a telephone number or an extension."""
    parts = [f"{chance.randint(10, 99)}" for _ in range(3)]
    return chance.choice(
        (
            f"0{chance.randint(200, 899)} {' '.join(parts)}",
            f"+44 20 {''.join(parts)}",
            f"ext. {parts[0]}{parts[1]}",
            "-".join(parts),
        )
    )


def place(chance: Random) -> str:
    """Return a room, a street or a town."""
    return chance.choice(
        (room(chance), f"{chance.randint(1, 140)} {chance.choice(TOWNS)} Street", chance.choice(TOWNS))
    )


def room(chance: Random) -> str:
    """Return the name of a room."""
    name = chance.choice(
        (str(chance.randint(1, 420)), f"{chance.choice('ABCDEF')}{chance.randint(1, 30)}", chance.choice(TOWNS))
    )
    return f"{chance.choice(ROOMS)} {name}"


def item(chance: Random) -> str:
    """Return a thing with or without a word before it."""
    name = chance.choice(ITEMS)
    name = name if chance.random() < 0.5 else f"{chance.choice(ADJECTIVES)} {name}"
    return name.capitalize() if chance.random() < 0.6 else name


def machine(chance: Random) -> str:
    """Return a machine with its type."""
    return f"{chance.choice(MACHINES).capitalize()} {code(chance)}"


def months(chance: Random) -> str:
    """Return a month or a range of months."""
    first, last = chance.sample(MONTHS, 2)
    return chance.choice((first, f"{first} to {last}", f"{first}-{last}"))


COLUMNS = {
    "price": Column(
        words("Price|Cost|Unit price|Price (EUR)|Fee|Rate|Amount"),
        words(
            "What does the {row} cost?|How much is the {row}?|What is the price of the {row}?"
            "|price of {row}|How expensive is the {row}?|What do I have to pay for the {row}?"
        ),
        decimal(1, 900, "{:.2f}", "€ {:.2f}", "${:.2f}", "£{:.0f}", "{:.2f} EUR", "{:.0f}"),
    ),
    "stock": Column(
        words("Stock|In stock|Quantity|Available|Number|On hand|Qty"),
        words(
            "How many of the {row} are in stock?|How many {row} are there?|What is the stock of {row}?"
            "|How many {row} are available?|Is there any {row} left, and how many?"
        ),
        number(0, 2400),
    ),
    "phone": Column(
        words("Phone|Telephone|Extension|Contact number|Tel.|Phone number"),
        words(
            "What is the phone number of {row}?|How can I call {row}?|Which number do I dial for {row}?"
            "|{row} telephone|What is the extension of {row}?"
        ),
        phone,
    ),
    "hours": Column(
        words("Opening hours|Hours|Open|Opening times|Open from"),
        words(
            "When is {row} open?|What are the opening hours of {row}?|At what times can I visit {row}?"
            "|{row} opening hours|How long is {row} open?"
        ),
        hours,
    ),
    "person": Column(
        words("Contact|Head|Manager|Responsible|Person in charge|Supervisor|Owner"),
        words(
            "Who is responsible for {row}?|Who is in charge of {row}?|Who manages {row}?"
            "|Who is the contact for {row}?|Whom do I ask about {row}?|Who runs {row}?"
        ),
        person,
    ),
    "teacher": Column(
        words("Lecturer|Teacher|Instructor|Taught by|Tutor"),
        words(
            "Who teaches {row}?|Who is the lecturer of {row}?|By whom is {row} taught?|{row} lecturer"
            "|Who gives the course {row}?"
        ),
        person,
    ),
    "place": Column(
        words("Location|Place|Where|Room|Address|Site"),
        words(
            "Where is {row}?|Where can I find {row}?|What is the location of {row}?"
            "|In which place is {row}?|{row} location"
        ),
        place,
    ),
    "weight": Column(
        words("Weight|Mass|Weight (kg)|Gross weight"),
        words("How heavy is the {row}?|What does the {row} weigh?|What is the weight of the {row}?|weight {row}"),
        decimal(0.1, 90, "{:.1f} kg", "{:.0f} kg", "{:.0f} g", "{:.2f}"),
    ),
    "length": Column(
        words("Length|Size|Width|Height|Dimensions"),
        words(
            "What is the {header} of the {row}?|{header} of {row}|Which {header} does the {row} have?"
            "|Tell me the {header} of the {row}."
        ),
        decimal(0.2, 60, "{:.1f} m", "{:.0f} cm", "{:.0f} mm", "up to {:.0f} m"),
    ),
    "power": Column(
        words("Power|Output|Voltage|Consumption|Pressure|Capacity|Speed"),
        words(
            "What is the {header} of {row}?|What {header} does {row} have?|{row} {header}"
            "|Which {header} is given for {row}?"
        ),
        decimal(1, 900, "{:.0f} W", "{:.1f} kW", "{:.0f} V", "{:.1f} bar", "{:.0f} rpm", "max. {:.0f} l/h"),
    ),
    "date": Column(
        words("Deadline|Due|Due date|Closing date|Submit by"),
        words(
            "When is the deadline for {row}?|By when must {row} be done?|When is {row} due?"
            "|What is the last day for {row}?|deadline {row}"
        ),
        date,
    ),
    "inspected": Column(
        words("Last inspection|Inspected|Last checked|Serviced on|Last service"),
        words(
            "When was {row} last inspected?|When was the last inspection of {row}?"
            "|On what date was {row} checked?|When was {row} serviced last?"
        ),
        date,
    ),
    "interval": Column(
        words("Interval|Service interval|Every|Frequency"),
        words(
            "How often must {row} be serviced?|What is the service interval of {row}?"
            "|How frequently is {row} serviced?|After how long is {row} serviced?"
        ),
        lambda chance: chance.choice(
            (
                f"every {chance.randint(2, 12)} months",
                f"{chance.randint(50, 900)} hours",
                "yearly",
                "once a week",
                f"at least every {chance.randint(2, 9)} weeks",
                "monthly",
            )
        ),
    ),
    "day": Column(
        words("Day|Weekday|Day of week|On"),
        words("On which day is {row}?|What day does {row} take place?|When does {row} take place?|{row} day"),
        lambda chance: chance.choice(
            (chance.choice(WEEKDAYS), " and ".join(chance.sample(WEEKDAYS, 2)), f"{chance.choice(WEEKDAYS)}s")
        ),
    ),
    "departs": Column(
        words("Departs|Departure|Leaves|Leaves at|Dep."),
        words(
            "When does {row} leave?|What time does {row} depart?|At what time does {row} set off?"
            "|departure of {row}|When is the departure of {row}?"
        ),
        clock,
    ),
    "arrives": Column(
        words("Arrives|Arrival|Arrives at|Arr."),
        words(
            "When does {row} arrive?|What time does {row} get in?|What is the arrival time of {row}?|arrival of {row}"
        ),
        clock,
    ),
    "platform": Column(
        words("Platform|Track|Pier|Gate|Bay"),
        words(
            "From which {header} does {row} leave?|What is the {header} of {row}?"
            "|Which {header} does {row} use?|{row} {header}"
        ),
        lambda chance: chance.choice((str(chance.randint(1, 24)), f"{chance.choice('ABCD')}{chance.randint(1, 9)}")),
    ),
    "duration": Column(
        words("Duration|Time|Takes|Length of stay|Preparation time"),
        words(
            "How long does {row} take?|What is the duration of {row}?|How much time is needed for {row}?"
            "|How long is {row}?"
        ),
        lambda chance: chance.choice(
            (
                f"{chance.randint(5, 95)} minutes",
                f"{chance.randint(2, 9)} hours",
                f"{chance.randint(2, 21)} days",
                f"1 h {chance.randint(5, 55)} min",
                f"{chance.randint(2, 5)} to {chance.randint(6, 12)} weeks",
            )
        ),
    ),
    "colour": Column(
        words("Colour|Color|Finish"),
        words(
            "What colour is the {row}?|In which colour does the {row} come?|colour of {row}"
            "|What is the colour of the {row}?"
        ),
        pick(*COLOURS),
    ),
    "material": Column(
        words("Material|Made of"),
        words(
            "What is the {row} made of?|Of which material is the {row}?"
            "|What material is used for the {row}?|material of {row}"
        ),
        pick(*MATERIALS),
    ),
    "code": Column(
        words("Article no.|Code|Part number|Order no.|ID|Reference|Serial number"),
        words(
            "What is the {header} of {row}?|Which {header} belongs to {row}?|{row} {header}"
            "|Under which {header} is {row} listed?"
        ),
        code,
    ),
    "state": Column(
        words("Status|State|Condition|Remarks"),
        words(
            "What is the status of {row}?|In what state is {row}?|{row} status|What is noted about {row}?"
            "|Which status does {row} have?"
        ),
        pick(*STATES),
    ),
    "capacity": Column(
        words("Seats|Capacity|Max. persons|Places|Participants"),
        words(
            "How many people fit into {row}?|How many seats does {row} have?"
            "|What is the capacity of {row}?|How many persons can be in {row}?"
            "|For how many people is {row}?"
        ),
        lambda chance: chance.choice(
            (
                str(chance.randint(4, 900)),
                f"up to {chance.randint(4, 80)}",
                f"{chance.randint(4, 20)} to {chance.randint(24, 60)}",
            )
        ),
    ),
    "born": Column(
        words("Born|Date of birth|Year of birth|Birthday"),
        words("When was {row} born?|What is the date of birth of {row}?|In which year was {row} born?|{row} birthday"),
        lambda chance: chance.choice((str(chance.randint(1931, 2008)), date(chance))),
    ),
    "job": Column(
        words("Position|Role|Job title|Function|Job"),
        words(
            "What is the role of {row}?|What does {row} work as?|What is {row}'s job?"
            "|Which position does {row} hold?|{row} position"
        ),
        pick(
            *words(
                "electrician|head nurse|treasurer|driver|accountant|lab technician|project manager|cook"
                "|caretaker|engineer|secretary|deputy head|librarian|trainer|pilot|welder"
            )
        ),
    ),
    "team": Column(
        words("Department|Team|Office|Section|Unit"),
        words("In which {header} is {row}?|Which {header} does {row} belong to?|{row} {header}"),
        pick(*DEPARTMENTS),
    ),
    "sown": Column(
        words("Sow|Sowing|Sow in|Sowing time"),
        words("When is {row} sown?|In which months do I sow {row}?|When should {row} be planted?|sowing time of {row}"),
        months,
    ),
    "harvest": Column(
        words("Harvest|Harvested|Picking"),
        words("When is {row} harvested?|In which months is {row} picked?|When can I harvest {row}?|harvest of {row}"),
        months,
    ),
    "calories": Column(
        words("Calories|Energy|kcal|Energy per portion"),
        words(
            "How many calories does the {row} have?|What is the energy of the {row}?|calories {row}"
            "|How much energy is in the {row}?"
        ),
        number(80, 980, "{} kcal"),
    ),
    "allergens": Column(
        words("Allergens|Contains|Allergy notes"),
        words(
            "Which allergens does the {row} contain?|What allergens are in the {row}?|allergens {row}"
            "|What does the {row} contain that people are allergic to?"
        ),
        lambda chance: ", ".join(
            chance.sample(words("milk|gluten|nuts|egg|celery|soy|fish|mustard|sesame"), chance.randint(1, 3))
        ),
    ),
    "people": Column(
        words("Population|Inhabitants|Residents"),
        words(
            "How many people live in {row}?|What is the population of {row}?"
            "|How many inhabitants does {row} have?|{row} population"
        ),
        number(900, 980_000),
    ),
    "rain": Column(
        words("Rainfall|Rain (mm)|Precipitation"),
        words(
            "How much rain falls in {row}?|What is the rainfall of {row}?|{row} rainfall"
            "|How much precipitation does {row} get?"
        ),
        decimal(2, 990, "{:.0f} mm", "{:.1f}", "{:.0f}"),
    ),
    "mayor": Column(
        words("Mayor|Head of council|Town clerk"),
        words(
            "Who is the mayor of {row}?|Who heads the council of {row}?|{row} mayor"
            "|What is the name of the mayor of {row}?"
        ),
        person,
    ),
}
KINDS = (
    Kind(
        words("Item|Article|Product|Name|Tool"),
        item,
        words("price|stock|weight|length|colour|material|code|place"),
        words("Stock list|Price list {year}|Equipment|Spare parts|Inventory of the {town} depot"),
    ),
    Kind(
        words("Department|Office|Service|Unit|Desk"),
        pick(*DEPARTMENTS),
        words("phone|hours|person|place|capacity"),
        words("Contacts|Who is where|Opening hours|Offices|Directory {year}"),
    ),
    Kind(
        words("Machine|Device|Equipment|System"),
        machine,
        words("power|inspected|interval|state|person|code|place"),
        words("Maintenance plan|Machines|Inspection list {year}|Technical data"),
    ),
    Kind(
        words("Course|Class|Subject|Module"),
        pick(*COURSES),
        words("teacher|day|place|duration|capacity|date|price"),
        words("Timetable|Courses|Spring programme|Winter term {year}"),
    ),
    Kind(
        words("Dish|Meal|Recipe"),
        pick(*DISHES),
        words("price|calories|allergens|duration|day"),
        words("Menu|Canteen|Recipes of the week|Lunch"),
    ),
    Kind(
        words("Name|Employee|Member|Person|Staff"),
        person,
        words("phone|job|team|born|place|date"),
        words("Staff|Members|Team|On-call list|Personnel {year}"),
    ),
    Kind(
        words("Train|Line|Ferry|Bus|Service"),
        lambda chance: f"{chance.choice(words('Train|Ferry|Bus|Line'))} {code(chance)}",
        words("departs|arrives|platform|duration|state"),
        words("Departures|Timetable|Winter timetable {year}|Connections"),
    ),
)
"""Kinds of tables that the reader learns from."""
KINDS_FOR_MEASURING = (
    Kind(
        words("Plant|Vegetable|Seed"),
        pick(*PLANTS),
        words("sown|harvest|price|length"),
        words("Sowing calendar|Garden year"),
    ),
    Kind(
        words("Town|Municipality|Place"),
        pick(*TOWNS),
        words("people|rain|mayor|phone"),
        words("Towns of the district|Municipalities {year}"),
    ),
    Kind(words("Room|Hall|Space"), room, words("capacity|price|person|state"), words("Rooms for hire|Room plan")),
)
"""Kinds that it does not see."""
