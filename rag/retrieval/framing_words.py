"""The English words that frame a question, and say nothing of its subject.

A document answers `What happens if the header is missing?` without the words "happens" and "missing", but nothing that
lacks the word "header" answers it.
"""

FRAMING_WORDS = frozenset(
    # verbs that ask for something of a subject
    "become becomes became happen happens happened get gets got getting give gives gave given take takes took taken"
    " put puts keep keeps kept let lets make makes made use uses used using need needs needed want wants go goes went"
    " gone come comes came find finds found see sees seen look looks show shows shown tell tells told say says said"
    " mean means meant call calls called know knows known work works worked try tries tried start starts started begin"
    " begins began end ends ended stop stops stopped turn turns turned switch bring brings brought send sends sent hold"
    " holds held set sets leave leaves left run runs ran write writes written read reads print prints return returns"
    " list lists contain contains consist consists include includes stand stands refer refers describe describes apply"
    " applies allow allows allowed permit permits require requires required cause causes affect affects depend depends"
    " expect expected follow follows count counts counted define defines defined specify specified choose chosen select"
    " selected decide decides handle handles treat treated provide provides receive receives change changes changed add"
    " added remove removed create created restrict restricts correspond corresponds meet meets separate separates"
    " separated store stored place placed pay paid"
    # what kind of thing is asked for, and how much of it
    " many much long old far large big high low small short tall wide deep fast slow often soon early late new first"
    " last next second maximum minimum most least more less fewer greatest largest biggest smallest highest lowest"
    " longest shortest best worst main default value values number amount kind type sort form way ways option options"
    " flag flags parameter parameters argument setting settings command commands variable field key name names word"
    " term terms unit units thing things part parts item items case cases example reason reasons purpose result"
    " difference step steps time times day days person people someone anyone something anything possible able necessary"
    " missing one two three once twice"
    # words that join the parts of a question
    " instead still already again also together both either without within besides further else only just really"
    " exactly actually always never usually normally by above below over under between before after during since until"
    " up down out off on back away".split()
)
